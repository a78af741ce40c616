//! How kubectl types YAML scalars, and when a new string needs quotes.
//!
//! kubectl reads YAML with go-yaml v2, which keeps to no YAML version: `yes` and `y` are booleans
//! as in 1.1, `0o7` is an integer as in 1.2, `1:30` is a string as in 1.2. Reading follows
//! go-yaml v2 exactly. Writing is wary of every reader: [`is_safe_plain`] is true only
//! for text that all of them read as the same string.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

/// What a plain scalar means to kubectl.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Typed {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true`, `no`, `on`, `y` and their like.
    Bool(bool),
    /// An integer of 64 bits, in base 2, 8, 10 or 16.
    Int(i64),
    /// An integer above [`i64::MAX`].
    UInt(u64),
    /// A float; may be infinite or not a number.
    Float(f64),
    /// A string. Dates and times are strings to kubectl.
    Str,
}

/// Types the text of a plain (unquoted, untagged) scalar by go-yaml v2's rules.
pub fn type_of_plain(text: &str) -> Typed {
    let Some(&first) = text.as_bytes().first() else {
        return Typed::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'0'..=b'9' | b'+' | b'-' => number(text),
        b'.' => dotted(text),
        _ => Typed::Str,
    }
}

/// JSON value of a plain scalar; `None` for `.inf` and `.nan`, which have no JSON value.
///
/// A float without a fraction is an integer here when it fits 64 bits: the JSON that kubectl
/// makes of `1.0` is `1`.
pub fn plain_value(text: &str) -> Option<Value> {
    match type_of_plain(text) {
        Typed::Null => Some(Value::Null),
        Typed::Bool(value) => Some(Value::Bool(value)),
        Typed::Int(value) => Some(Value::from(value)),
        Typed::UInt(value) => Some(Value::from(value)),
        Typed::Float(value) => float_value(value),
        Typed::Str => Some(Value::from(text)),
    }
}

/// JSON object key that kubectl makes of a plain scalar used as a mapping key: `8080` is
/// `"8080"`, `0x10` is `"16"`, `yes` is `"true"`, `1.5` is `"1.5"`.
///
/// `None` where kubectl refuses the key: nulls and integers above [`i64::MAX`]. Also `None`
/// for `<<`, which merges its value and is no key.
pub fn plain_key(text: &str) -> Option<String> {
    match type_of_plain(text) {
        Typed::Null | Typed::UInt(_) => None,
        Typed::Bool(value) => Some(value.to_string()),
        Typed::Int(value) => Some(value.to_string()),
        Typed::Float(value) => Some(float_key(value)),
        Typed::Str if text == "<<" => None,
        Typed::Str => Some(text.to_owned()),
    }
}

/// Where a plain scalar is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Outside of all brackets and braces.
    Block,
    /// Within `[...]` or `{...}`.
    Flow,
}

/// True when `text` can be written without quotes at `place`, on one line, as key or value,
/// and every reader (go-yaml v2, go-yaml v3, YAML 1.2 core, libyaml) reads the same string.
pub fn is_safe_plain(text: &str, place: Place) -> bool {
    starts_plain(text, place)
        && continues_plain(text, place)
        && type_of_plain(text) == Typed::Str
        && !is_special_word(text)
        && !looks_numeric(text)
}

/// The same for text that starts as a plain scalar at `place` does already, with at least its first three bytes: what
/// readers took there may be a dash in a flow collection.
pub(super) fn stays_safe_plain(text: &str, place: Place) -> bool {
    continues_plain(text, place) && type_of_plain(text) == Typed::Str && !is_special_word(text) && !looks_numeric(text)
}

/// Writes `text` as a double-quoted scalar on one line, valid as YAML and as JSON.
///
/// Escapes what YAML calls non-printable, and the line breaks and byte order mark that
/// readers disagree on; other Unicode stays as is. Nothing beyond U+FFFF is escaped: YAML
/// calls all of it printable, and go-yaml refuses the surrogate pairs that JSON would need.
pub fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if needs_escape(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes `text` as a single-quoted scalar, or `None` when it needs escapes (control
/// characters, line breaks, U+0085, U+2028, U+2029, U+FEFF).
pub fn single_quoted(text: &str) -> Option<String> {
    if text.chars().any(needs_escape) {
        return None;
    }
    Some(format!("'{}'", text.replace('\'', "''")))
}

/// Types text that starts like one of the words with a meaning.
fn word(text: &str) -> Typed {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" => Typed::Bool(true),
        "true" | "True" | "TRUE" | "on" | "On" | "ON" => Typed::Bool(true),
        "n" | "N" | "no" | "No" | "NO" => Typed::Bool(false),
        "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Typed::Bool(false),
        "~" | "null" | "Null" | "NULL" => Typed::Null,
        _ => Typed::Str,
    }
}

/// Types text that starts with a digit or a sign.
fn number(text: &str) -> Typed {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Typed::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Typed::Float(f64::NEG_INFINITY),
        _ => {}
    }
    // Dates need no check of their own: none of them is also a number.
    if !text.bytes().all(is_numeric_byte) {
        return Typed::Str;
    }
    let plain = without_underscores(text);
    if let Some(typed) = integer(&plain) {
        return typed;
    }
    if is_decimal(&plain) {
        return finite(&plain);
    }
    // go-yaml cuts `0b` off and reads what is left as signed, so `0b-1` is minus one.
    if let Some(digits) = plain.strip_prefix("0b")
        && let Some(typed) = signed(digits, |digits| (2, digits))
    {
        return typed;
    }
    Typed::Str
}

/// Types text that starts with a dot.
fn dotted(text: &str) -> Typed {
    match text {
        ".inf" | ".Inf" | ".INF" => return Typed::Float(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Typed::Float(f64::NAN),
        _ => {}
    }
    // Behind a leading dot Go's own rule for underscores holds: only between digits.
    if !text.bytes().all(is_numeric_byte) || !underscores_between_digits(text) {
        return Typed::Str;
    }
    let plain = without_underscores(text);
    if is_decimal(&plain) { finite(&plain) } else { Typed::Str }
}

/// True for the bytes that any number is made of; turns most quantities and addresses away.
fn is_numeric_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'+' | b'-' | b'.' | b'_' | b'x' | b'X' | b'o' | b'O')
}

fn without_underscores(text: &str) -> Cow<'_, str> {
    if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) }
}

fn underscores_between_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    bytes.iter().enumerate().all(|(at, &byte)| byte != b'_' || at > 0 && is_digit(at - 1) && is_digit(at + 1))
}

/// The integer that Go's `strconv` reads when it is to find the base itself.
fn integer(plain: &str) -> Option<Typed> {
    signed(plain, |digits| match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    })
}

/// The integer of `plain`, whose digits `base` takes apart behind the sign.
fn signed(plain: &str, base: impl Fn(&str) -> (u32, &str)) -> Option<Typed> {
    let (sign, digits) = match plain.as_bytes() {
        [sign @ (b'+' | b'-'), ..] => (Some(*sign), &plain[1..]),
        _ => (None, plain),
    };
    let (radix, digits) = base(digits);
    let size = magnitude(digits, radix)?;
    if sign == Some(b'-') {
        return 0i64.checked_sub_unsigned(size).map(Typed::Int);
    }
    match i64::try_from(size) {
        Ok(value) => Some(Typed::Int(value)),
        // Go has no sign before unsigned integers, so `+18446744073709551615` is a float.
        Err(_) if sign.is_none() => Some(Typed::UInt(size)),
        Err(_) => None,
    }
}

fn magnitude(digits: &str, radix: u32) -> Option<u64> {
    // The standard library would take a sign here.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// True for go-yaml's `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_decimal(plain: &str) -> bool {
    let rest = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let (whole, rest) = split_digits(rest);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return false;
    }
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else {
        return rest.is_empty();
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (digits, rest) = split_digits(exponent);
    !digits.is_empty() && rest.is_empty()
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The float of a decimal; one too large for 64 bits is a string to go-yaml.
fn finite(decimal: &str) -> Typed {
    match decimal.parse::<f64>() {
        Ok(value) if value.is_finite() => Typed::Float(value),
        _ => Typed::Str,
    }
}

fn float_value(value: f64) -> Option<Value> {
    // Go's JSON encoder writes floats without a fraction as integers up to this size.
    if value.fract() == 0.0 && value.abs() < 1e21 && !(value == 0.0 && value.is_sign_negative()) {
        // The shortest decimal, padded with zeros, is not always the exact value of the float.
        let digits = value.to_string();
        if let Ok(integer) = digits.parse::<i64>() {
            return Some(Value::from(integer));
        }
        if let Ok(integer) = digits.parse::<u64>() {
            return Some(Value::from(integer));
        }
    }
    serde_json::Number::from_f64(value).map(Value::Number)
}

/// The key of a float: Go's `%g` of the float rounded to 32 bits, with YAML's infinities.
fn float_key(value: f64) -> String {
    // Rounds, and is infinite beyond the range of 32 bits, as kubectl's keys are.
    let value = value as f32;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = match scientific.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(0)),
        None => (scientific.as_str(), 0),
    };
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// True when the start of `text` starts a plain scalar and nothing else.
fn starts_plain(text: &str, place: Place) -> bool {
    let bytes = text.as_bytes();
    let Some(&first) = bytes.first() else {
        return false;
    };
    match first {
        b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
        | b'`' => false,
        // Legal before other text, but readers differ on what else.
        b'?' | b':' => false,
        b'-' if place == Place::Flow || matches!(bytes.get(1), None | Some(b' ')) => false,
        b'-' | b'.' if text.starts_with("---") || text.starts_with("...") => false,
        _ => true,
    }
}

/// True when nothing in `text` ends a plain scalar at `place` or is lost from it.
fn continues_plain(text: &str, place: Place) -> bool {
    // Wider than YAML's own spaces, as some readers trim the others too.
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return false;
    }
    let bytes = text.as_bytes();
    let mut ascii = true;
    for (at, &byte) in bytes.iter().enumerate() {
        let safe = match byte {
            0..=0x1f | 0x7f => false,
            0x80.. => {
                ascii = false;
                true
            }
            b':' => !matches!(bytes.get(at + 1), None | Some(b' ')),
            b'#' => at == 0 || bytes.get(at - 1) != Some(&b' '),
            // go-yaml ends a plain scalar at any `?` here.
            b',' | b'[' | b']' | b'{' | b'}' | b'?' => place == Place::Block,
            _ => true,
        };
        if !safe {
            return false;
        }
    }
    ascii || !text.chars().any(needs_escape)
}

/// True for words that mean something to one reader or another, in any letter case.
fn is_special_word(text: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "=", "<<"];
    text.len() <= 5 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// True for text that may be a number, date or time to any reader, with much to spare.
fn looks_numeric(text: &str) -> bool {
    let Some(b'0'..=b'9' | b'+' | b'-' | b'.') = text.as_bytes().first() else {
        return false;
    };
    let plain = without_underscores(text);
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    is_decimal(&plain)
        || unsigned.bytes().all(|byte| matches!(byte, b'.' | b'+' | b'-'))
        || [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word))
        || is_prefixed(unsigned)
        || is_sexagesimal(unsigned)
        || is_dated(text)
}

/// True for digits behind `0x`, `0o` or `0b`, whether or not they fit the base.
fn is_prefixed(unsigned: &str) -> bool {
    let [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', digits @ ..] = unsigned.as_bytes() else {
        return false;
    };
    // go-yaml v3 reads `0o-7` as it does `0b-1`.
    let digits = digits.strip_prefix(b"-").or(digits.strip_prefix(b"+")).unwrap_or(digits);
    digits.iter().all(u8::is_ascii_hexdigit)
}

/// True for numbers of base sixty, as in `1:30` and `190:20:30.15`.
fn is_sexagesimal(unsigned: &str) -> bool {
    let (digits, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    digits.contains(':')
        && digits.split(':').all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// True for a date, alone or before a time.
fn is_dated(text: &str) -> bool {
    let (year, rest) = split_digits(text);
    let Some(rest) = rest.strip_prefix('-') else {
        return false;
    };
    let (month, rest) = split_digits(rest);
    let Some(rest) = rest.strip_prefix('-') else {
        return false;
    };
    let (day, rest) = split_digits(rest);
    year.len() == 4
        && (1..=2).contains(&month.len())
        && (1..=2).contains(&day.len())
        && (rest.is_empty() || rest.starts_with(['T', 't', ' ']))
}

/// True for characters that have to be escaped: what YAML calls non-printable, control
/// characters, and the breaks and mark that readers disagree on.
fn needs_escape(c: char) -> bool {
    let is_control = matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}');
    is_control || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../../tests/golden/scalars.json");

    fn golden() -> Vec<Value> {
        let rows: Vec<Value> = serde_json::from_str(GOLDEN).expect("valid");
        assert!(rows.len() > 1500, "{} rows", rows.len());
        rows
    }

    /// Runs `check` on every row; lists all that it finds fault with.
    fn each_row(check: impl Fn(&str, &Value) -> Result<(), String>) {
        let faults: Vec<String> = golden()
            .iter()
            .filter_map(|row| {
                let text = row["text"].as_str().expect("valid");
                check(text, row).err().map(|fault| format!("{text:?}: {fault}"))
            })
            .collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    fn same(ours: &Value, theirs: &Value) -> bool {
        let (Value::Number(a), Value::Number(b)) = (ours, theirs) else {
            return ours == theirs;
        };
        if a == b {
            return true;
        }
        // serde_json reads floats to the last bit but one.
        let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else {
            return false;
        };
        ours.is_f64() && theirs.is_f64() && (a - b).abs() <= a.abs() * f64::EPSILON * 2.0
    }

    #[test]
    fn values_are_those_of_kubectl() {
        each_row(|text, row| match (plain_value(text), row.get("v2")) {
            (None, None) => Ok(()),
            (Some(ours), Some(theirs)) if same(&ours, theirs) => Ok(()),
            (ours, theirs) => Err(format!("{ours:?}, not {theirs:?}")),
        });
    }

    #[test]
    fn keys_are_those_of_kubectl() {
        each_row(|text, row| {
            let theirs = row["v2_key"].as_str().map(str::to_owned);
            let ours = plain_key(text);
            if ours == theirs { Ok(()) } else { Err(format!("{ours:?}, not {theirs:?}")) }
        });
    }

    #[test]
    fn safe_text_is_a_string_to_all() {
        each_row(|text, row| {
            let string = row.get("v2").and_then(Value::as_str) == Some(text)
                && row["v2_key"].as_str() == Some(text)
                && row["v3_string"] == true;
            if is_safe_plain(text, Place::Block) && !string {
                return Err("safe in block, but not a string".to_owned());
            }
            if is_safe_plain(text, Place::Flow) && !(string && row["flow_string"] == true) {
                return Err("safe in flow, but not a string".to_owned());
            }
            if is_safe_plain(text, Place::Flow) && !is_safe_plain(text, Place::Block) {
                return Err("safe in flow, but not in block".to_owned());
            }
            Ok(())
        });
    }

    #[test]
    fn types() {
        assert_eq!(type_of_plain(""), Typed::Null);
        assert_eq!(type_of_plain("y"), Typed::Bool(true));
        assert_eq!(type_of_plain("0o17"), Typed::Int(15));
        assert_eq!(type_of_plain("017"), Typed::Int(15));
        assert_eq!(type_of_plain("08"), Typed::Float(8.0));
        assert_eq!(type_of_plain("0b-101"), Typed::Int(-5));
        assert_eq!(type_of_plain("-9223372036854775808"), Typed::Int(i64::MIN));
        assert_eq!(type_of_plain("18446744073709551615"), Typed::UInt(u64::MAX));
        assert_eq!(type_of_plain("-.INF"), Typed::Float(f64::NEG_INFINITY));
        assert!(matches!(type_of_plain(".nan"), Typed::Float(value) if value.is_nan()));
        assert_eq!(type_of_plain("1e999"), Typed::Str);
        assert_eq!(type_of_plain("2024-01-01"), Typed::Str);
        assert_eq!(type_of_plain("1:30"), Typed::Str);
    }

    #[test]
    fn whole_floats_are_integers_in_json() {
        assert_eq!(plain_value("8080.0"), Some(Value::from(8080)));
        assert_eq!(plain_value("1.5"), Some(Value::from(1.5)));
        assert_eq!(plain_value(".inf"), None);
    }

    #[test]
    fn keys() {
        assert_eq!(plain_key("0x10").as_deref(), Some("16"));
        assert_eq!(plain_key("yes").as_deref(), Some("true"));
        assert_eq!(plain_key("1.50").as_deref(), Some("1.5"));
        assert_eq!(plain_key("1e6").as_deref(), Some("1e+06"));
        assert_eq!(plain_key("").as_deref(), None);
        assert_eq!(plain_key("~").as_deref(), None);
    }

    #[test]
    fn usual_strings_need_no_quotes() {
        for text in [
            "ClusterFirst",
            "http-web",
            "app.kubernetes.io/name",
            "http://x:15000",
            "10.0.0.1",
            "10.0.0.1:8080",
            "1.2.3",
            "v1",
            "100m",
            "128Mi",
            "5s",
            "/etc/ssl/certs",
            "./run",
            "repo/img:1.2",
            "repo/img@sha256:00ff",
            "a b",
            "it's",
            "a#b",
            "50%",
            "naïve",
            "数据",
            "🙂",
            "2024-01-01-rc1",
            "~/x",
            "yesterday",
            "none",
            "80/TCP",
            "a=b",
        ] {
            assert!(is_safe_plain(text, Place::Block), "{text:?} in block");
            assert!(is_safe_plain(text, Place::Flow), "{text:?} in flow");
        }
        for text in ["--flag=x", "-v", "a,b", "a[0]", "$(A)?", "http://x/?q=1", "x{y}"] {
            assert!(is_safe_plain(text, Place::Block), "{text:?} in block");
        }
        for text in ["--flag=x", "-v", "a,b", "a[0]", "$(A)?", "http://x/?q=1", "x{y}", "a:]"] {
            assert!(!is_safe_plain(text, Place::Flow), "{text:?} in flow");
        }
    }

    #[test]
    fn doubtful_strings_need_quotes() {
        for text in [
            "",
            " ",
            "y",
            "N",
            "yes",
            "OFF",
            "nULL",
            "~",
            "0",
            "-1",
            "+1",
            "0o7",
            "0O7",
            "0x1F",
            "0b1",
            "0b-1",
            "0o-7",
            "-0o7",
            "017",
            "08",
            "1_000",
            "1_",
            "1.0",
            "1.",
            ".5",
            ".5_",
            "1e3",
            "1E+3",
            "1e999",
            "12e03",
            ".inf",
            "-.Inf",
            ".NaN",
            "+.nan",
            "1:30",
            "190:20:30",
            "1:30.5",
            "-1:30",
            "8080:80",
            "2024-01-01",
            "2024-1-1",
            "2024-01-01T10:00:00Z",
            "2024-01-01 10:00:00",
            "=",
            "<<",
            " a",
            "a ",
            "a\n",
            "a\nb",
            "a\rb",
            "a\tb",
            "a\u{7}b",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "\u{feff}a",
            "a\u{ffff}",
            "\u{a0}a",
            "- a",
            "-",
            "? a",
            "?",
            ":",
            ": a",
            ",a",
            "[a",
            "]a",
            "{a",
            "}a",
            "#a",
            "&a",
            "*a",
            "!a",
            "|a",
            ">a",
            "'a",
            "\"a",
            "%a",
            "@a",
            "`a",
            "a: b",
            "a:",
            "a #b",
            "---",
            "--- a",
            "...",
            ".",
            "+",
            "--",
            "0x",
            "99999999999999999999",
            "0xffffffffffffffffff",
        ] {
            assert!(!is_safe_plain(text, Place::Block), "{text:?} in block");
            assert!(!is_safe_plain(text, Place::Flow), "{text:?} in flow");
        }
    }

    #[test]
    fn double_quotes_round_trip() {
        let all: String = ('\0'..='\u{2100}').chain('\u{fe00}'..='\u{10100}').collect();
        let quoted = double_quoted(&all);
        assert!(!quoted.chars().any(needs_escape));
        assert_eq!(serde_json::from_str::<String>(&quoted).expect("valid"), all);
        for row in golden() {
            let text = row["text"].as_str().expect("valid");
            assert_eq!(serde_json::from_str::<String>(&double_quoted(text)).expect("valid"), text);
        }
        assert_eq!(double_quoted("a\"\\\n\u{1}🙂\u{85}"), "\"a\\\"\\\\\\n\\u0001🙂\\u0085\"");
    }

    #[test]
    fn single_quotes() {
        assert_eq!(single_quoted("it's").as_deref(), Some("'it''s'"));
        assert_eq!(single_quoted("").as_deref(), Some("''"));
        for text in ["a\n", "a\tb", "\u{85}", "\u{2028}", "\u{2029}", "\u{feff}", "\0"] {
            assert_eq!(single_quoted(text), None, "{text:?}");
        }
    }
}
