//! [`Name`]: what a keyword, a symbol and a tag are called, and which texts are
//! names at all.

use std::fmt;

/// The name of a keyword, a symbol or a tag, with its namespace if it has one.
///
/// Text is split at its first slash, as Clojure's `keyword` and `symbol` do.
///
/// ```
/// use faraday_atom::edn::Name;
///
/// let name = Name::new("job/count");
/// assert_eq!(name.namespace(), Some("job"));
/// assert_eq!(name.name(), "count");
/// assert_eq!(name.to_string(), "job/count");
/// assert_eq!(Name::new("/").namespace(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    namespace: Option<String>,
    name: String,
}

impl Name {
    /// The name that `text` spells: `ns/name` or just `name`.
    ///
    /// Any text is accepted, also one that no reader would take for a name,
    /// such as `a b`: [`Edn`](crate::Edn) prints those in a form that comes
    /// back (`#atom/keyword "a b"`).
    #[must_use]
    pub fn new(text: &str) -> Name {
        match text.split_once('/') {
            Some((namespace, name)) if text != "/" => Name::with_namespace(namespace, name),
            _ => Name { namespace: None, name: text.to_owned() },
        }
    }

    /// The name `name` in the namespace `namespace`.
    ///
    /// ```
    /// use faraday_atom::edn::Name;
    /// assert_eq!(Name::with_namespace("job", "count"), Name::new("job/count"));
    /// ```
    #[must_use]
    pub fn with_namespace(namespace: &str, name: &str) -> Name {
        Name { namespace: Some(namespace.to_owned()), name: name.to_owned() }
    }

    /// A name without a namespace, whatever it contains.
    pub(super) fn bare(name: &str) -> Name {
        Name { namespace: None, name: name.to_owned() }
    }

    /// The namespace, if there is one.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The name without its namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is `text`, without building the printed name.
    pub(super) fn is(&self, text: &str) -> bool {
        match &self.namespace {
            None => self.name == text,
            Some(namespace) => text
                .strip_prefix(namespace.as_str())
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| rest == self.name),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name::new(text)
    }
}

/// What a token that is no number says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Nil,
    Bool(bool),
    Keyword(Name),
    Symbol(Name),
}

/// Reads a token as Clojure's reader does; `None` if it is not a valid one.
pub(super) fn token(text: &str) -> Option<Token> {
    match text {
        "nil" => return Some(Token::Nil),
        "true" => return Some(Token::Bool(true)),
        "false" => return Some(Token::Bool(false)),
        _ => {}
    }
    if !is_well_formed(text) {
        return None;
    }
    Some(match text.strip_prefix(':') {
        Some(rest) => Token::Keyword(Name::new(rest)),
        None => Token::Symbol(Name::new(text)),
    })
}

/// Clojure's pattern `[:]?([\D&&[^/]].*/)?(/|[\D&&[^/]][^/]*)` and the three
/// conditions around it.
fn is_well_formed(text: &str) -> bool {
    if text.contains("::") {
        return false;
    }
    let starts_well =
        |part: &str| part.chars().next().is_some_and(|c| c != '/' && !c.is_ascii_digit());
    let matches = |text: &str| {
        let (namespace, name) = if text == "/" {
            (None, "/")
        } else if let Some(namespace) = text.strip_suffix("//") {
            (Some(namespace), "/")
        } else {
            match text.rsplit_once('/') {
                Some((namespace, name)) => (Some(namespace), name),
                None => (None, text),
            }
        };
        namespace.is_none_or(|namespace| starts_well(namespace) && !namespace.ends_with(':'))
            && (name == "/" || starts_well(name))
            && !name.ends_with(':')
    };
    matches(text) || text.strip_prefix(':').is_some_and(matches)
}

/// Characters that end a token.
pub(super) fn ends_token(c: char) -> bool {
    is_space(c) || matches!(c, '"' | ';' | '^' | '(' | ')' | '[' | ']' | '{' | '}' | '\\')
}

/// Characters that no token may contain.
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(c, '@' | '`' | '~')
}

/// What Clojure skips between forms: Java's `Character.isWhitespace`, and commas.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ',' | ' ' | '\t'..='\r' | '\u{1c}'..='\u{1f}')
        || matches!(c, '\u{1680}' | '\u{2000}'..='\u{2006}' | '\u{2008}'..='\u{200a}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{205f}' | '\u{3000}')
}

/// Whether `:` and the name, or the name alone, is read as exactly this keyword
/// or symbol.
pub(super) fn is_readable(name: &Name, keyword: bool) -> bool {
    // The usual names need no closer look.
    let usual = |part: &str| {
        part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
    };
    if usual(&name.name) && name.namespace.as_deref().is_none_or(usual) {
        return keyword
            || name.namespace.is_some()
            || !matches!(name.name(), "nil" | "true" | "false");
    }
    let text = if keyword { format!(":{name}") } else { name.to_string() };
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    let like_number = match first {
        Some('+' | '-') => second.is_some_and(|c| c.is_ascii_digit()),
        Some(c) => c.is_ascii_digit() || c == '#',
        None => true,
    };
    if like_number || text.chars().any(|c| ends_token(c) || is_forbidden(c)) {
        return false;
    }
    match token(&text) {
        Some(Token::Keyword(read)) => keyword && read == *name,
        Some(Token::Symbol(read)) => !keyword && read == *name,
        _ => false,
    }
}

/// Whether the name can stand behind `#` as a tag: a symbol that begins with a
/// letter (Clojure's reader fails on those beyond U+00FF).
pub(super) fn is_readable_tag(name: &Name) -> bool {
    let is_letter = |c: char| c.is_alphabetic() && c <= '\u{ff}';
    is_readable(name, false) && name.to_string().chars().next().is_some_and(is_letter)
}
