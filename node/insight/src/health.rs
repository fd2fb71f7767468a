//! How a server is: one page, from what other analyses and rules have found.
//!
//! # Source
//! The score is 100 − Σ penalties: 15 for what is red, 5 for what is amber, at most 40 for a
//! section. Without most of the last day there is none: what was not seen is not well.

use serde::Serialize;

/// Penalties of red and amber items, and the most of one section.
const RED: u32 = 15;
const AMBER: u32 = 5;
const MOST: u32 = 40;
/// Least share of the last day that has to be seen for a score.
const SEEN: f64 = 0.8;

/// How bad something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Nothing is wrong.
    #[default]
    Green,
    /// To be known.
    Info,
    /// For this working day.
    Amber,
    /// Now.
    Red,
}

/// What a section is about, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What will break: identifiers, sequences, disks, slots, connections, WAL.
    WillBreak,
    /// Where data can be lost, or are not reachable: corruption, replication, settings.
    Safety,
    /// What is slow, waits or fails now, and since when it is not usual.
    Trouble,
    /// What statements cost.
    Costs,
    /// What to do.
    Advice,
    /// What to clean up: vacuum, indexes.
    Hygiene,
    /// What changed lately.
    Changed,
    /// What is not known.
    NotSeen,
}

/// All topics.
pub const TOPICS: [Topic; 8] = [
    Topic::WillBreak,
    Topic::Safety,
    Topic::Trouble,
    Topic::Costs,
    Topic::Advice,
    Topic::Hygiene,
    Topic::Changed,
    Topic::NotSeen,
];

impl Topic {
    /// What it is called.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::WillBreak => "What will break",
            Self::Safety => "Safety of data",
            Self::Trouble => "Trouble now",
            Self::Costs => "What costs most",
            Self::Advice => "What to do",
            Self::Hygiene => "Hygiene",
            Self::Changed => "What changed",
            Self::NotSeen => "What is not seen",
        }
    }

    /// The topic of an alert rule, by its id such as `X2`.
    #[must_use]
    pub fn of_rule(rule: &str) -> Self {
        let (family, _) = rule.split_at_checked(1).unwrap_or((rule, ""));
        match (family, rule) {
            (_, "S2" | "S3") | ("V", _) => Self::Hygiene,
            (_, "A3") | ("N", _) => Self::NotSeen,
            (_, "A2" | "A5") => Self::Changed,
            (_, "H1" | "R3" | "C1") | ("X" | "S" | "W", _) => Self::WillBreak,
            ("A" | "D" | "G" | "R", _) => Self::Safety,
            _ => Self::Trouble,
        }
    }
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Item {
    /// How bad it is.
    pub grade: Grade,
    /// One sentence.
    pub text: String,
    /// Why it is graded so: a rule, a share, what to do first.
    pub reason: String,
    /// Since when, as RFC 3339, if that is known.
    pub since: Option<String>,
    /// Where more is told, as a path of the API.
    pub see: Option<String>,
}

/// One section.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Section {
    /// What it is about.
    pub topic: Topic,
    /// What it is called.
    pub title: &'static str,
    /// The worst of its items; without any, green if most of the last day was seen.
    pub grade: Grade,
    /// What it takes from the score.
    pub penalty: u32,
    /// The worst first; else in the order given.
    pub items: Vec<Item>,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// 0 to 100; nothing if less than 80 % of the last day was seen.
    pub score: Option<u32>,
    /// The worst of all sections.
    pub grade: Grade,
    /// All sections, in the order of [`TOPICS`].
    pub sections: Vec<Section>,
}

/// Grades what is known. `coverage` is the share of the last day that was seen, from 0 to 1.
#[must_use]
pub fn report(items: Vec<(Topic, Item)>, coverage: f64) -> Report {
    let mut sections: Vec<Section> = TOPICS.into_iter().map(section).collect();
    for (topic, item) in items {
        let of = sections.iter_mut().find(|one| one.topic == topic);
        if let Some(section) = of {
            section.items.push(item);
        }
    }
    // Nothing found in what was hardly seen is not well.
    let nothing_found = if coverage >= SEEN {
        Grade::Green
    } else {
        Grade::Info
    };
    for section in &mut sections {
        grade(section, nothing_found);
    }
    let penalties: u32 = sections.iter().map(|one| one.penalty).sum();
    Report {
        score: (coverage >= SEEN).then_some(100_u32.saturating_sub(penalties)),
        grade: sections
            .iter()
            .map(|one| one.grade)
            .max()
            .unwrap_or_default(),
        sections,
    }
}

fn section(topic: Topic) -> Section {
    Section {
        topic,
        title: topic.title(),
        grade: Grade::Green,
        penalty: 0,
        items: Vec::new(),
    }
}

fn grade(section: &mut Section, nothing_found: Grade) {
    section
        .items
        .sort_by_key(|item| std::cmp::Reverse(item.grade));
    let grades = section.items.iter().map(|item| item.grade);
    section.grade = grades.clone().max().unwrap_or(nothing_found);
    let sum = grades.map(|grade| match grade {
        Grade::Red => RED,
        Grade::Amber => AMBER,
        Grade::Info | Grade::Green => 0,
    });
    section.penalty = sum.fold(0, u32::saturating_add).min(MOST);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(grade: Grade, text: &str) -> Item {
        Item {
            grade,
            text: text.to_owned(),
            ..Item::default()
        }
    }

    fn score(items: &[(Topic, Grade)], coverage: f64) -> Option<u32> {
        let items = items
            .iter()
            .map(|(topic, grade)| (*topic, item(*grade, "")));
        report(items.collect(), coverage).score
    }

    #[test]
    fn the_score_falls_by_section_and_needs_most_of_the_day() {
        let (red, amber) = (
            (Topic::WillBreak, Grade::Red),
            (Topic::Safety, Grade::Amber),
        );
        for (name, items, coverage, want) in [
            ("well", vec![], 1.0, Some(100)),
            (
                "notes only",
                vec![(Topic::Costs, Grade::Info)],
                1.0,
                Some(100),
            ),
            ("red and amber", vec![red, amber], 1.0, Some(80)),
            ("one section", vec![red; 9], 1.0, Some(60)),
            ("not seen", vec![], 0.79, None),
        ] {
            assert_eq!(score(&items, coverage), want, "{name}");
        }
        let all: Vec<_> = TOPICS.map(|topic| [(topic, Grade::Red); 3]).concat();
        assert_eq!(score(&all, 1.0), Some(0));
    }

    #[test]
    fn the_worst_stands_first_and_grades_its_section() {
        let items = [(Grade::Info, "a"), (Grade::Red, "b"), (Grade::Info, "c")];
        let items = items.map(|(grade, text)| (Topic::Changed, item(grade, text)));
        let told = report(items.to_vec(), 1.0);
        let section = &told.sections[6];
        let texts: Vec<&str> = section.items.iter().map(|one| one.text.as_str()).collect();
        assert_eq!((texts, section.grade), (vec!["b", "a", "c"], Grade::Red));
        assert_eq!((told.grade, told.sections.len()), (Grade::Red, 8));
        assert_eq!(told.sections[0].grade, Grade::Green);
        let hardly_seen = report(Vec::new(), 0.1);
        assert_eq!(hardly_seen.sections[0].grade, Grade::Info);
    }

    #[test]
    fn each_rule_has_a_section() {
        for (rule, want) in [
            ("X2", Topic::WillBreak),
            ("S1", Topic::WillBreak),
            ("S3", Topic::Hygiene),
            ("V1", Topic::Hygiene),
            ("R3", Topic::WillBreak),
            ("R1", Topic::Safety),
            ("A3", Topic::NotSeen),
            ("A5", Topic::Changed),
            ("L1", Topic::Trouble),
            ("", Topic::Trouble),
            ("größe", Topic::Trouble),
        ] {
            assert_eq!(Topic::of_rule(rule), want, "{rule}");
        }
    }
}
