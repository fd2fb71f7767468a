//! The words before the colon: severities, and the parts of a record on `stderr`.
//!
//! The server translates them by `lc_messages`, in all three formats.

use super::severity::Severity;

/// What a word before the colon announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// A new record.
    Severity(Severity),
    /// A new record of a severity in a language that the table does not have.
    Unknown,
    /// More of the record before.
    Part(Part),
}

/// A part of a record beside its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The message itself: lines that continue it.
    Message,
    /// `DETAIL`.
    Detail,
    /// `HINT`.
    Hint,
    /// `QUERY`: the statement that the server ran on its own behalf.
    Query,
    /// `CONTEXT`.
    Context,
    /// `LOCATION`, with `log_error_verbosity = verbose`.
    Location,
    /// `BACKTRACE`.
    Backtrace,
    /// `STATEMENT`.
    Statement,
}

/// Words of severities: English, then the server's translations.
///
/// # Source
/// The message catalogues of PostgreSQL 15.
const SEVERITIES: [(Severity, &[&str]); 8] = [
    (
        Severity::Debug,
        &[
            "DEBUG",
            "DEBUG1",
            "DEBUG2",
            "DEBUG3",
            "DEBUG4",
            "DEBUG5",
            "ОТЛАДКА",
            "НАЛАГОДЖЕННЯ",
        ],
    ),
    (
        Severity::Log,
        &[
            "LOG",
            "LOGG",
            "СООБЩЕНИЕ",
            "ЗАПИСУВАННЯ",
            "로그",
            "日志",
            "ჟურნალი",
        ],
    ),
    (
        Severity::Info,
        &[
            "INFO",
            "ИНФОРМАЦИЯ",
            "ІНФОРМАЦІЯ",
            "정보",
            "信息",
            "ინფორმაცია",
        ],
    ),
    (
        Severity::Notice,
        &[
            "NOTICE",
            "HINWEIS",
            "NOTIFICA",
            "NOTIS",
            "ЗАМЕЧАНИЕ",
            "ПОВІДОМЛЕННЯ",
            "알림",
            "注意",
        ],
    ),
    (
        Severity::Warning,
        &[
            "WARNING",
            "WARNUNG",
            "ATTENTION",
            "ATTENZIONE",
            "VARNING",
            "ПРЕДУПРЕЖДЕНИЕ",
            "ПОПЕРЕДЖЕННЯ",
            "경고",
            "警告",
            "გაფრთხილება",
        ],
    ),
    (
        Severity::Error,
        &[
            "ERROR",
            "FEHLER",
            "ERREUR",
            "ERRORE",
            "FEL",
            "ОШИБКА",
            "ПОМИЛКА",
            "오류",
            "错误",
            "შეცდომა",
        ],
    ),
    (
        Severity::Fatal,
        &[
            "FATAL",
            "FATALE",
            "FATALT",
            "ВАЖНО",
            "ФАТАЛЬНО",
            "치명적오류",
            "致命错误",
            "ფატალური",
        ],
    ),
    (
        Severity::Panic,
        &[
            "PANIC",
            "PANIK",
            "PANICO",
            "ПАНИКА",
            "ПАНІКА",
            "손상",
            "比致命错误还过分的错误",
            "პანიკა",
        ],
    ),
];

/// Words of parts: English, then the server's translations.
///
/// # Source
/// The message catalogues of PostgreSQL 15.
const PARTS: [(Part, &[&str]); 7] = [
    (
        Part::Detail,
        &[
            "DETAIL",
            "DETALLE",
            "DÉTAIL",
            "DETTAGLI",
            "DETALJ",
            "詳細",
            "详细信息",
            "ПОДРОБНОСТИ",
            "ВІДОМОСТІ",
            "상세정보",
            "დეტალები",
        ],
    ),
    (
        Part::Hint,
        &[
            "HINT",
            "TIPP",
            "SUGERENCIA",
            "ASTUCE",
            "SUGGERIMENTO",
            "TIPS",
            "ヒント",
            "提示",
            "ПОДСКАЗКА",
            "УКАЗІВКА",
            "힌트",
            "მინიშნება",
        ],
    ),
    (
        Part::Query,
        &[
            "QUERY",
            "ANFRAGE",
            "CONSULTA",
            "REQUÊTE",
            "FRÅGA",
            "問い合わせ",
            "查询",
            "ЗАПРОС",
            "ЗАПИТ",
            "쿼리",
            "მოთხოვნა",
        ],
    ),
    (
        Part::Context,
        &[
            "CONTEXT",
            "ZUSAMMENHANG",
            "CONTEXTO",
            "CONTEXTE",
            "CONTESTO",
            "KONTEXT",
            "文脈",
            "上下文",
            "КОНТЕКСТ",
            "내용",
            "კონტექსტი",
        ],
    ),
    (
        Part::Location,
        &[
            "LOCATION",
            "ORT",
            "UBICACIÓN",
            "EMPLACEMENT",
            "POSIZIONE",
            "PLATS",
            "場所",
            "位置",
            "ПОЛОЖЕНИЕ",
            "РОЗТАШУВАННЯ",
            "위치",
            "მდებარეობა",
        ],
    ),
    (
        Part::Backtrace,
        &[
            "BACKTRACE",
            "PILE D'APPEL",
            "バックトレース",
            "СТЕК",
            "ВІДСТЕЖУВАТИ",
            "역추적",
            "სტეკი",
        ],
    ),
    (
        Part::Statement,
        &[
            "STATEMENT",
            "ANWEISUNG",
            "SENTENCIA",
            "INSTRUCTION",
            "ISTRUZIONE",
            "SATS",
            "文",
            "语句",
            "ОПЕРАТОР",
            "ІНСТРУКЦІЯ",
            "명령 구문",
            "ოპერატორი",
        ],
    ),
];

/// What the server puts before and after the number of a position behind a message.
///
/// # Source
/// The message catalogues of PostgreSQL 15.
const POSITIONS: [(&str, &str); 10] = [
    (" at character ", ""),
    (" bei Zeichen ", ""),
    (" en carácter ", ""),
    (" au caractère ", ""),
    (" al carattere ", ""),
    ("(", "文字目)"),
    (" (символ ", ")"),
    (" символ ", ""),
    (" vid tecken ", ""),
    (" 第 ", " 个字符处"),
];

/// The severity that a word names, in any language of the table.
pub(super) fn severity(word: &str) -> Option<Severity> {
    let has = |words: &&[&str]| words.contains(&word);
    let found = SEVERITIES.iter().find(|(_, words)| has(words));
    found.map(|(severity, _)| *severity)
}

/// The label that a text starts with, and the text behind it; labels of the tables only.
pub(super) fn known(text: &str) -> Option<(Label, &str)> {
    let (word, rest) = split(text)?;
    if let Some(severity) = severity(word) {
        return Some((Label::Severity(severity), rest));
    }
    let part = PARTS.iter().find(|(_, words)| words.contains(&word))?.0;
    Some((Label::Part(part), rest))
}

/// As [`known`], and any other word of letters before a colon and two spaces as [`Label::Unknown`].
pub(super) fn any(text: &str) -> Option<(Label, &str)> {
    if let Some(found) = known(text) {
        return Some(found);
    }
    let (word, rest) = split(text)?;
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_alphabetic() && !c.is_lowercase());
    let is_spaced = text.get(word.len()..)?.starts_with(":  ");
    (is_word && is_spaced).then_some((Label::Unknown, rest))
}

/// Takes ` at character N` from the end of a message, in any language of the table.
pub(super) fn take_position(message: &mut String) -> Option<u32> {
    for (before, after) in POSITIONS {
        let Some(head) = message.strip_suffix(after) else {
            continue;
        };
        let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
        let Some((text, number)) = head.split_at_checked(head.len() - digits) else {
            continue;
        };
        if let (Some(text), Ok(number)) = (text.strip_suffix(before), number.parse()) {
            let length = text.len();
            message.truncate(length);
            return Some(number);
        }
    }
    None
}

/// The word before the first colon of the first bytes, and the text behind the colon and up to two
/// spaces. French writes a space before its colons.
fn split(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(':')?;
    let word = word.strip_suffix(' ').unwrap_or(word);
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    Some((word, rest.strip_prefix(' ').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_found_in_each_language() {
        for (text, want, rest) in [
            ("ERROR:  x: y", Label::Severity(Severity::Error), "x: y"),
            ("DEBUG3:  x", Label::Severity(Severity::Debug), "x"),
            ("FEHLER:  x", Label::Severity(Severity::Error), "x"),
            ("ASTUCE :  x", Label::Part(Part::Hint), "x"),
            (
                "ПОЛОЖЕНИЕ: f, a.c:1",
                Label::Part(Part::Location),
                "f, a.c:1",
            ),
            ("文:   SELECT", Label::Part(Part::Statement), " SELECT"),
            ("HIBA:  x", Label::Unknown, "x"),
        ] {
            assert_eq!(any(text), Some((want, rest)), "{text}");
        }
        for text in ["error:  x", "HIBA: x", "no colon", ":  x", "A B:  x", ""] {
            assert_eq!(any(text), None, "{text}");
        }
    }

    #[test]
    fn a_position_is_taken_from_the_end_only() {
        for (text, message, want) in [
            ("no \"x\" at character 15", "no \"x\"", Some(15)),
            ("kein x bei Zeichen 3", "kein x", Some(3)),
            ("нет (символ 7)", "нет", Some(7)),
            ("at character 15 is x", "at character 15 is x", None),
            ("x at character ", "x at character ", None),
            (
                "x at character 99999999999",
                "x at character 99999999999",
                None,
            ),
        ] {
            let mut left = text.to_owned();
            assert_eq!(take_position(&mut left), want, "{text}");
            assert_eq!(left, message, "{text}");
        }
    }
}
