//! Reader and printer.

use proptest::prelude::*;

use super::super::value::Edn;
use super::strategy::{edn, same};

fn read(text: &str) -> Edn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn fails(text: &str) {
    if let Ok(value) = text.parse::<Edn>() {
        panic!("`{text}` is read as {value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_printed_is_read_back_exactly(value in edn()) {
        let text = value.to_string();
        let read: Edn = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert!(same(&read, &value), "{text}\n{read:?}\n{value:?}");
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Ok(value) = text.parse::<Edn>() {
            prop_assert_eq!(value.to_string().parse::<Edn>().expect("printed by us"), value);
        }
    }

    #[test]
    fn text_that_looks_like_edn_is_read_or_refused(text in r#"([\[\](){}"\\#:^;@/_ \n,+-]|#\{|#_|##|#inst|#uuid|#bytes|#:|\\u|\\o|NaN|Inf|nil|true|[0-9a-fMNrxeE.])"#.prop_flat_map(|first| {
        proptest::collection::vec(r#"[\[\](){}"\\#:^;@/_ \n,+-]|#\{|#_|##|#inst|#uuid|#bytes|#:|#a|\\u|\\o|NaN|Inf|nil|true|[0-9a-fMNrxeE.]{1,3}"#, 0..12).prop_map(move |rest| format!("{first}{}", rest.concat()))
    })) {
        if let Ok(value) = text.parse::<Edn>() {
            prop_assert_eq!(value.to_string().parse::<Edn>().expect("printed by us"), value);
        }
    }

    /// A form that is cut off is never read as another.
    #[test]
    fn a_collection_that_is_cut_off_is_refused(value in edn(), cut in 0usize..1000) {
        let text = format!("[{value}]");
        let mut at = cut % text.len();
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(text[..at].parse::<Edn>().is_err());
    }
}

#[test]
fn numbers_are_read_in_every_notation() {
    for (text, printed) in [
        ("42", "42"),
        ("+42", "42"),
        ("-0", "0"),
        ("00", "0"),
        ("0N", "0N"),
        ("017", "15"),
        ("-017", "-15"),
        ("0x1F", "31"),
        ("-0X1fN", "-31N"),
        ("2r101", "5"),
        ("36rZZ", "1295"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9223372036854775808N"),
        ("22/7", "22/7"),
        ("+2/4", "1/2"),
        ("-4/2", "-2"),
        ("-1/3", "-1/3"),
        ("0/5", "0"),
        ("1.5", "1.5"),
        ("1.", "1.0"),
        ("1.e5", "100000.0"),
        ("1e400", "##Inf"),
        ("-0.0", "-0.0"),
        ("1.50M", "1.50M"),
        ("1.M", "1M"),
        ("+1.5M", "1.5M"),
        ("0e5M", "0E+5M"),
        ("0.000M", "0.000M"),
        ("0.000001M", "0.000001M"),
        ("0.0000001M", "1E-7M"),
        ("123e-10M", "1.23E-8M"),
        ("08M", "8M"),
        ("08.5", "8.5"),
        ("##Inf", "##Inf"),
        ("## -Inf", "##-Inf"),
        ("##NaN", "##NaN"),
    ] {
        assert_eq!(read(text).to_string(), printed, "{text}");
    }
    for text in [
        "08",
        "1a",
        "1N2",
        "1.5e",
        "1/0",
        "1/-2",
        "1/2/3",
        "1N/2",
        "37r1",
        "1r0",
        "2r2",
        "-2r101N",
        "0x",
        "0xg",
        "-1-",
        "1_000",
        "1e99999999999M",
        "##Foo",
        "##",
        "1.5N",
        "0x1M",
        "1..2",
        "1.2.3",
    ] {
        fails(text);
    }
}

#[test]
fn words_are_read_as_clojure_reads_them() {
    for text in [
        "a'b",
        "'a",
        "%a",
        "a#b",
        "a#",
        "/",
        "a//",
        "a/b/c",
        ".5",
        "-.5",
        "+",
        "-",
        "++1",
        "+-1",
        "nil/x",
        "true/a",
        "a/nil",
        "foo\u{a0}bar",
        "a\u{85}b",
        "𝒳",
        ":1",
        ":1/a",
        ":/",
        ":a:b",
        ":a/:b",
        ":é漢",
        ":a.b/c-d?!*+",
        ":+1",
    ] {
        assert_eq!(read(text).to_string(), text);
    }
    for text in [
        ":", "::a", "a::b", "a:", "a:/b", "/a", "a/", "a/1", ":a/1", "//", "nil/", "a@b", "@a",
        "`a", "~a", "a/b/",
    ] {
        fails(text);
    }
}

#[test]
fn characters_are_read_in_every_notation() {
    for (text, c) in [
        (r"\a", 'a'),
        (r"\é", 'é'),
        (r"\😀", '😀'),
        (r"\u", 'u'),
        (r"\o", 'o'),
        (r"\u00e9", 'é'),
        (r"\o377", 'ÿ'),
        (r"\o0", '\0'),
        (r"\newline", '\n'),
        (r"\space", ' '),
        (r"\ ", ' '),
        (r"\tab", '\t'),
        (r"\return", '\r'),
        (r"\backspace", '\u{8}'),
        (r"\formfeed", '\u{c}'),
        (r"\(", '('),
        (r"\,", ','),
        (r"\;", ';'),
        (r"\@", '@'),
        (r"\\", '\\'),
        (r#"\""#, '"'),
    ] {
        assert_eq!(read(text), Edn::Char(c), "{text}");
    }
    for text in [r"\", r"\ab", r"\ua", r"\ud800", r"\o400", r"\o8", r"\nul", r"\u+123"] {
        fails(text);
    }
}

#[test]
fn strings_are_read_with_every_escape() {
    for (text, string) in [
        (r#""\t\r\n\b\f\\\"""#, "\t\r\n\u{8}\u{c}\\\""),
        (r#""\u00e9""#, "é"),
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\101\0 \1""#, "A\0 \u{1}"),
        ("\"raw\nline\"", "raw\nline"),
    ] {
        assert_eq!(read(text), Edn::from(string), "{text}");
    }
    for text in [
        r#"""#,
        r#""a"#,
        r#""\q""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\400""#,
        r#""\8""#,
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83d\u0041""#,
        r#""\"#,
    ] {
        fails(text);
    }
}

#[test]
fn forms_around_forms() {
    for (text, printed) in [
        (" , 1 ; one\n", "1"),
        ("#_ 1 2", "2"),
        ("#_#_ 1 2 3", "3"),
        ("[1 #_ 2]", "[1]"),
        ("[#_#foo 1 2]", "[2]"),
        ("#:a{:b 1 c 2 :_/d 3 4 5 :e/f 6}", "{:a/b 1, a/c 2, :d 3, 4 5, :e/f 6}"),
        ("^:x [1]", "[1]"),
        ("#^{:a 1} ^\"s\" {}", "{}"),
        ("^a b", "b"),
        ("#foo#bar [1]", "#foo#bar [1]"),
        ("#foo [1]", "#foo [1]"),
        ("#foo #bar 1", "#foo #bar 1"),
        ("[a#{1 2}]", "[a# {1 2}]"),
        ("[1\"a\"[2]:b\\c(3)]", "[1 \"a\" [2] :b \\c (3)]"),
    ] {
        assert_eq!(read(text).to_string(), printed, "{text}");
    }
    for text in [
        "",
        " ",
        ";",
        "#_",
        "#_ 1",
        "1 2",
        "hello world",
        "[1] junk",
        "[1 2)",
        ")",
        "[",
        "{:a}",
        "{:a 1 :a 2}",
        "#{1 1N}",
        "#{[1] (1)}",
        "#{1.0M 1.00M}",
        "#",
        "# foo 1",
        "#1",
        "#<x>",
        "#\"re\"",
        "#'a",
        "#(a)",
        "#foo",
        "#nil 1",
        "#:a",
        "#:a[1]",
        "#::a{:b 1}",
        "#:{:a 1}",
        "^:x 5",
        "^5 [1]",
        "^[1] [2]",
        "^:x",
        "#bytes [256]",
        "#bytes [-1]",
        "#bytes (1)",
        "#inst 5",
        "#inst \"x\"",
        "#uuid \"1-1-1-1-1\"",
        "#atom/keyword 1",
        "#atom/tagged [1]",
        "#:a{:b 1 :a/b 2}",
    ] {
        fails(text);
    }
}

#[test]
fn instants_are_read_at_any_precision() {
    for (text, printed) in [
        ("2015", "2015-01-01T00:00:00.000-00:00"),
        ("2015-09", "2015-09-01T00:00:00.000-00:00"),
        ("2015-09-26", "2015-09-26T00:00:00.000-00:00"),
        ("2015-09-26T12", "2015-09-26T12:00:00.000-00:00"),
        ("2015-09-26T12:34", "2015-09-26T12:34:00.000-00:00"),
        ("2015-09-26T12:34:56", "2015-09-26T12:34:56.000-00:00"),
        ("2015-09-26T12:34:56.7Z", "2015-09-26T12:34:56.700-00:00"),
        ("2015-09-26T12:34:56.789+02:30", "2015-09-26T10:04:56.789-00:00"),
        ("2015-01-01T00:00:00.000-05:00", "2015-01-01T05:00:00.000-00:00"),
        ("2015-09-26T12:34:56.123456789-00:00", "2015-09-26T12:34:56.123456789-00:00"),
        ("2015-09-26T12:34:56.0000000001Z", "2015-09-26T12:34:56.000-00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000-00:00"),
        ("2000-02-29", "2000-02-29T00:00:00.000-00:00"),
        ("0000-01-01", "0000-01-01T00:00:00.000-00:00"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999-00:00"),
        ("1500-03-01T00:00:00.000-00:00", "1500-03-01T00:00:00.000-00:00"),
    ] {
        assert_eq!(read(&format!("#inst \"{text}\"")).to_string(), format!("#inst \"{printed}\""));
    }
    for text in [
        "",
        "15",
        "2015-",
        "2015-13",
        "2015-00",
        "2015-02-29",
        "1900-02-29",
        "2015-04-31",
        "2015-09-26T24",
        "2015-09-26T12:60",
        "2015-09-26T12:34:60",
        "2015-09-26T12:34:56.",
        "2015-09-26 12:34",
        "2015-09-26T12:34:56+2",
        "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2015x",
        "２０１５",
        "2015-09-26T12:34:56é",
    ] {
        fails(&format!("#inst \"{text}\""));
    }
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in
        [("[", "]"), ("(", ")"), ("#{", "}"), ("{1 ", "}"), ("#a ", ""), ("{", " 1}")]
    {
        let nested = |depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert!(nested(256).parse::<Edn>().is_ok(), "{open}");
        let error = nested(257).parse::<Edn>().expect_err("too deep");
        assert!(error.is_too_deep(), "{error}");
    }
    for hostile in ["[", "(", "{", "#{", "#_", "^", "#a ", "#:a{", "[[]", "{[] ", "#_#_ 1"] {
        fails(&hostile.repeat(100_000));
    }
}

/// What no reader takes for a name is printed in a form that comes back.
#[test]
fn names_that_are_none_come_back() {
    for (value, printed) in [
        (Edn::keyword("a b"), r#"#atom/keyword "a b""#),
        (Edn::keyword(""), r#"#atom/keyword """#),
        (Edn::keyword("a/1"), r#"#atom/keyword ["a" "1"]"#),
        (Edn::symbol("true"), r#"#atom/symbol "true""#),
        (Edn::symbol("1"), r#"#atom/symbol "1""#),
        (Edn::symbol(":a"), r#"#atom/symbol ":a""#),
        (Edn::symbol("#a"), r##"#atom/symbol "#a""##),
        (Edn::tagged("1", 5), r#"#atom/tagged ["1" 5]"#),
        (Edn::tagged("inst", 5), r#"#atom/tagged ["inst" 5]"#),
        (Edn::tagged("atom/keyword", 5), r#"#atom/tagged [["atom" "keyword"] 5]"#),
    ] {
        assert_eq!(value.to_string(), printed);
        assert!(same(&read(printed), &value), "{printed}");
    }
    assert!(same(
        &Edn::tagged("uuid", "f81d4fae-7dec-11d0-a765-00A0C91E6BF6"),
        &read("#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"")
    ));
}
