//! The reader: text to [`Edn`], as `clojure.edn/read-string` takes it, but
//! exactly one form.
//!
//! It is our own. Of the crates at hand in November 2026, `clojure-reader` 0.7
//! does not reduce ratios, knows neither `##Inf` nor `\u0041` nor `"\b"` nor
//! octal integers and stops after the first form; `edn-format` 3.3 knows
//! neither ratios nor `##Inf`, cuts `a'b` after the `a` and overflows the stack
//! on `[[[[…`; `edn-rs` keeps values as text. None compares as Clojure does.

use std::fmt;
use std::str::FromStr;

use super::collection::{Map, Set};
use super::literal;
use super::name::{Name, Token, ends_token, is_forbidden, is_space, token};
use super::value::{Edn, is_known_tag, known_value};

/// How deep forms may be nested in a text.
pub(super) const MAX_DEPTH: usize = 256;

/// Why a text is not one EDN form, and where in the text.
///
/// ```
/// use faraday_atom::Edn;
///
/// let error = "[1 2".parse::<Edn>().unwrap_err();
/// assert_eq!(error.to_string(), "at byte 4: the text ends inside a form");
/// assert_eq!(error.position(), 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseEdnError {
    position: usize,
    message: String,
    too_deep: bool,
}

impl ParseEdnError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> ParseEdnError {
        ParseEdnError { position, message: message.into(), too_deep: false }
    }

    /// The byte of the text at which reading stopped.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the text may well be EDN, but is nested deeper than is read.
    pub(super) fn is_too_deep(&self) -> bool {
        self.too_deep
    }
}

impl fmt::Display for ParseEdnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.position, self.message)
    }
}

impl std::error::Error for ParseEdnError {}

impl FromStr for Edn {
    type Err = ParseEdnError;

    /// Reads exactly one form. White space, commas, comments and `#_` discarded
    /// forms may stand around it; anything else is an error. Metadata is read
    /// and dropped, for it does not count in equality either.
    fn from_str(text: &str) -> Result<Edn, ParseEdnError> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.form(0)?;
        reader.skip(0)?;
        if reader.at < text.len() {
            return Err(reader.error("there is more text after the first form"));
        }
        Ok(value)
    }
}

type Result<T, E = ParseEdnError> = std::result::Result<T, E>;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, message: impl Into<String>) -> ParseEdnError {
        ParseEdnError::new(self.at, message)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Result<char> {
        let c = self.peek().ok_or_else(|| self.error("the text ends inside a form"))?;
        self.at += c.len_utf8();
        Ok(c)
    }

    /// Takes everything up to the first character for which `end` holds.
    fn take_until(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(end).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn deeper(&self, depth: usize) -> Result<usize> {
        if depth < MAX_DEPTH {
            return Ok(depth + 1);
        }
        let message = format!("forms are nested more than {MAX_DEPTH} deep");
        Err(ParseEdnError { too_deep: true, ..self.error(message) })
    }

    /// Skips white space, comments and discarded forms.
    fn skip(&mut self, depth: usize) -> Result<()> {
        loop {
            self.take_until(|c| !is_space(c));
            let rest = self.rest();
            if rest.starts_with(';') {
                self.take_until(|c| c == '\n' || c == '\r');
            } else if rest.starts_with("#_") {
                self.at += 2;
                let deeper = self.deeper(depth)?;
                self.form(deeper)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Reads the next form; `depth` counts the forms around it.
    fn form(&mut self, depth: usize) -> Result<Edn> {
        self.skip(depth)?;
        let start = self.at;
        match self.next()? {
            '(' => self.forms(')', depth).map(Edn::List),
            '[' => self.forms(']', depth).map(Edn::Vector),
            '{' => self.map(depth, None),
            '"' => self.string(),
            '\\' => self.character(),
            '#' => self.dispatch(depth),
            '^' => self.with_metadata(depth),
            c @ (')' | ']' | '}') => {
                self.at = start;
                Err(self.error(format!("unmatched `{c}`")))
            }
            c => {
                let signed =
                    matches!(c, '+' | '-') && self.peek().is_some_and(|c| c.is_ascii_digit());
                self.at = start;
                if signed || c.is_ascii_digit() { self.number() } else { self.atom() }
            }
        }
    }

    /// Reads forms up to the closing `end`.
    fn forms(&mut self, end: char, depth: usize) -> Result<Vec<Edn>> {
        let depth = self.deeper(depth)?;
        let mut forms = Vec::new();
        loop {
            self.skip(depth)?;
            if self.peek() == Some(end) {
                self.at += end.len_utf8();
                return Ok(forms);
            }
            forms.push(self.form(depth)?);
        }
    }

    /// Reads the entries of a map; `namespace` is that of `#:namespace{…}`.
    fn map(&mut self, depth: usize, namespace: Option<&str>) -> Result<Edn> {
        let forms = self.forms('}', depth)?;
        if !forms.len().is_multiple_of(2) {
            return Err(self.error("a map needs a value for every key"));
        }
        let mut map = Map::with_capacity(forms.len() / 2);
        let mut forms = forms.into_iter();
        while let (Some(key), Some(value)) = (forms.next(), forms.next()) {
            let key = match namespace {
                Some(namespace) => qualified(&key, namespace),
                None => key,
            };
            let twice = |key| self.error(format!("the key `{key}` occurs twice in a map"));
            map.insert_new(key, value).map_err(twice)?;
        }
        Ok(Edn::Map(map))
    }

    fn set(&mut self, depth: usize) -> Result<Edn> {
        let mut set = Set::new();
        for element in self.forms('}', depth)? {
            let twice = |element| self.error(format!("`{element}` occurs twice in a set"));
            set.insert_new(element).map_err(twice)?;
        }
        Ok(Edn::Set(set))
    }

    /// What follows a `#`.
    fn dispatch(&mut self, depth: usize) -> Result<Edn> {
        match self.peek() {
            Some('{') => {
                self.at += 1;
                self.set(depth)
            }
            Some('#') => {
                self.at += 1;
                self.skip(depth)?;
                let word = self.take_until(ends_token);
                literal::symbolic(word)
                    .ok_or_else(|| self.error(format!("`##{word}` is no number")))
            }
            Some(':') => {
                self.at += 1;
                self.namespaced_map(depth)
            }
            Some('^') => {
                self.at += 1;
                self.with_metadata(depth)
            }
            Some(c) if c.is_alphabetic() => self.tagged(depth),
            _ => Err(self.error("this character cannot follow a `#`")),
        }
    }

    fn namespaced_map(&mut self, depth: usize) -> Result<Edn> {
        let word = self.take_until(ends_token);
        match token(word) {
            Some(Token::Symbol(name)) if name.namespace().is_none() => {}
            _ => return Err(self.error(format!("`{word}` is no namespace"))),
        }
        self.skip(depth)?;
        if self.next()? != '{' {
            return Err(self.error("a map must follow the namespace"));
        }
        self.map(depth, Some(word))
    }

    fn tagged(&mut self, depth: usize) -> Result<Edn> {
        let start = self.at;
        let Edn::Symbol(tag) = self.atom()? else {
            self.at = start;
            return Err(self.error("a tag must be a symbol"));
        };
        let deeper = self.deeper(depth)?;
        let form = self.form(deeper)?;
        if !is_known_tag(&tag) {
            return Ok(Edn::Tagged(tag, Box::new(form)));
        }
        known_value(&tag, &form).ok_or_else(|| {
            let message = format!("`#{tag}` cannot stand before a {} like this", form.kind());
            ParseEdnError::new(start, message)
        })
    }

    /// Reads metadata, drops it, and reads what it belongs to.
    fn with_metadata(&mut self, depth: usize) -> Result<Edn> {
        let depth = self.deeper(depth)?;
        if !matches!(
            self.form(depth)?,
            Edn::Symbol(_) | Edn::Str(_) | Edn::Keyword(_) | Edn::Map(_)
        ) {
            return Err(self.error("metadata must be a symbol, keyword, string or map"));
        }
        let value = self.form(depth)?;
        match value {
            Edn::Symbol(_) | Edn::List(_) | Edn::Vector(_) | Edn::Map(_) | Edn::Set(_) => Ok(value),
            _ => Err(self.error(format!("a {} cannot have metadata", value.kind()))),
        }
    }

    fn number(&mut self) -> Result<Edn> {
        let start = self.at;
        let word = self.take_until(|c| ends_token(c) || c == '#');
        literal::number(word)
            .ok_or_else(|| ParseEdnError::new(start, format!("`{word}` is no number")))
    }

    /// A token that is neither a number nor a tag.
    fn atom(&mut self) -> Result<Edn> {
        let start = self.at;
        let word = self.take_until(ends_token);
        match token(word) {
            _ if word.contains(is_forbidden) => {}
            Some(Token::Nil) => return Ok(Edn::Nil),
            Some(Token::Bool(value)) => return Ok(Edn::Bool(value)),
            Some(Token::Keyword(name)) => return Ok(Edn::Keyword(name)),
            Some(Token::Symbol(name)) => return Ok(Edn::Symbol(name)),
            None => {}
        }
        Err(ParseEdnError::new(start, format!("`{word}` is no symbol or keyword")))
    }

    fn character(&mut self) -> Result<Edn> {
        let start = self.at;
        self.next()?;
        self.take_until(ends_token);
        let word = &self.text[start..self.at];
        literal::character(word)
            .map(Edn::Char)
            .ok_or_else(|| ParseEdnError::new(start, format!("`\\{word}` is no character")))
    }

    /// Reads the rest of a string after its opening quote.
    fn string(&mut self) -> Result<Edn> {
        let mut string = String::new();
        loop {
            string.push_str(self.take_until(|c| c == '"' || c == '\\'));
            if self.next()? == '"' {
                return Ok(Edn::Str(string));
            }
            string.push(match self.next()? {
                't' => '\t',
                'r' => '\r',
                'n' => '\n',
                'b' => '\u{8}',
                'f' => '\u{c}',
                c @ ('\\' | '"') => c,
                'u' => self.unicode_escape()?,
                c if c.is_ascii_digit() => {
                    self.at -= 1;
                    self.octal_escape()?
                }
                c => return Err(self.error(format!("`\\{c}` is no escape"))),
            });
        }
    }

    /// Four hexadecimal digits, or two times four for what UTF-16 needs a pair.
    fn unicode_escape(&mut self) -> Result<char> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) || !self.rest().starts_with("\\u") {
            return char::from_u32(high).ok_or_else(|| self.error("half of a surrogate pair"));
        }
        self.at += 2;
        let low = self.hex4()?;
        char::decode_utf16([high, low].map(|unit| u16::try_from(unit).unwrap_or(0)))
            .next()
            .and_then(Result::ok)
            .filter(|_| (0xdc00..0xe000).contains(&low))
            .ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next()?.to_digit(16);
            code = code * 16
                + digit.ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))?;
        }
        Ok(code)
    }

    /// One to three octal digits up to 377.
    fn octal_escape(&mut self) -> Result<char> {
        let mut code = 0;
        for _ in 0..3 {
            match self.peek() {
                Some(c) if !ends_token(c) => {
                    self.at += c.len_utf8();
                    code =
                        code * 8 + c.to_digit(8).ok_or_else(|| self.error("not an octal digit"))?;
                }
                _ => break,
            }
        }
        u8::try_from(code)
            .map(char::from)
            .map_err(|_| self.error("an octal escape must be at most 377"))
    }
}

/// The key of a `#:namespace{…}`: unqualified names get the namespace, `_/name`
/// loses it.
fn qualified(key: &Edn, namespace: &str) -> Edn {
    let name = |name: &Name| match name.namespace() {
        None => Name::with_namespace(namespace, name.name()),
        Some("_") => Name::bare(name.name()),
        Some(_) => name.clone(),
    };
    match key {
        Edn::Keyword(keyword) => Edn::Keyword(name(keyword)),
        Edn::Symbol(symbol) => Edn::Symbol(name(symbol)),
        _ => key.clone(),
    }
}
