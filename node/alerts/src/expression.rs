//! Expressions of rules: those of Jinja templates, with functions over a server's values.
//!
//! | Name | Is |
//! | --- | --- |
//! | `row` | the row that is looked at |
//! | `value` | what the rule's `value` says, in `fire`, `resolve` and texts |
//! | `num(x)` | `x` as a number; no data if it is none |
//! | `delta("field", seconds)` | growth of a counter of the row |
//! | `rate("field", seconds)` | the same, a second |
//! | `slope("field", seconds)` | change a second, the median of all pairs |
//! | `eta("field", limit)` | seconds until a number reaches `limit`, by its slope of 6 h; a number above 10^12 if it does not grow |
//! | `lowest("field", seconds)`, `highest(…)` | least and greatest value |
//! | `seen("field")` | seconds over which a number was seen, at most a day |
//! | `usual("field")`, `usual_rate("field")` | level of the number, or growth of the counter a second, at this hour of earlier days |
//! | `spread("field")`, `spread_rate("field")` | how far those hours are apart: 1.4826 × MAD |
//! | `rows("type")` | the rows of another type of the same server |
//! | `first("type")` | the first of them; no data if there is none |
//! | `setting("name")` | a setting of the server, a number if it is one |
//! | `age(time)` | seconds since a time |
//! | `bytes(n)`, `duration(seconds)`, `percent(share)` | for texts |
//! | `count(n, "session", "sessions")` | for texts: `1 session`, `12 sessions` |
//! | `x\|round(places)` | `x` rounded; what is whole then is written without a fraction |
//!
//! An expression that asks for what is not there has *no data*: it is neither true nor false.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value, filters};
use pga_storage::Timestamp;

use crate::baseline::{Of, Usual};
use crate::facts::ServerFacts;
use crate::fields::Fields;

/// Steps that one expression may take.
const FUEL: u64 = 200_000;
/// What `eta` says if the limit is never reached.
const NEVER: f64 = 1e13;

/// Expressions that were compiled: a rule is evaluated again and again, over many rows.
static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Expression<'static, 'static>>>>> =
    LazyLock::new(Mutex::default);
/// Expressions kept compiled; above that all are forgotten.
const MAX_COMPILED: usize = 10_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// Where an expression is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) server: Option<&'a ServerFacts>,
    pub(crate) kind: &'a str,
    pub(crate) identity: &'a str,
    pub(crate) row: &'a Value,
    pub(crate) now: Timestamp,
    /// Fields of the row whose history or usual level the rule asks for.
    pub(crate) keep: &'a Fields,
    /// Types of elements that the rule asks for beside its own.
    pub(crate) with: &'a [String],
}

/// The numbers that an expression's functions read: copied from the facts, since a template's
/// functions outlive no borrow.
#[derive(Debug)]
struct Numbers {
    histories: Vec<(String, crate::history::History)>,
    usual: Vec<(String, Of, Usual)>,
    tables: Vec<(String, Vec<Value>)>,
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.add_function("num", |value: Value| number(&value));
    environment.add_function("bytes", |n: f64| bytes(n));
    environment.add_function("duration", |seconds: f64| duration(seconds));
    environment.add_function("percent", |share: f64| format!("{:.1} %", share * 100.0));
    environment.add_function("count", count);
    environment.add_filter("round", round);
    environment
}

fn compiled(text: &str) -> Result<Arc<Expression<'static, 'static>>, String> {
    let mut all = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = all.get(text) {
        return Ok(Arc::clone(found));
    }
    let made = ENVIRONMENT.compile_expression_owned(text.to_owned());
    let made = Arc::new(made.map_err(|error| say(&error))?);
    if all.len() >= MAX_COMPILED {
        all.clear();
    }
    all.insert(text.to_owned(), Arc::clone(&made));
    Ok(made)
}

/// Whether a text is an expression; it is compiled then.
pub(crate) fn check(text: &str) -> Result<(), String> {
    compiled(text).map(drop)
}

/// Whether a text is a template.
pub(crate) fn check_template(text: &str) -> Result<(), String> {
    let compiled = ENVIRONMENT.template_from_str(text);
    compiled.map(drop).map_err(|error| say(&error))
}

fn say(error: &Error) -> String {
    error
        .detail()
        .map_or_else(|| error.to_string(), str::to_owned)
}

/// What can be asked of one row.
#[derive(Debug)]
pub(crate) struct Context(Vec<(&'static str, Value)>);

impl Context {
    /// With the functions of a scope.
    pub(crate) fn new(scope: Scope<'_>) -> Self {
        let history = |field: &String| {
            let history = scope.server?.history(scope.kind, scope.identity, field)?;
            Some((field.clone(), history.clone()))
        };
        let usual = |(field, of): (&String, Of)| {
            let key = (
                scope.kind.to_owned(),
                scope.identity.to_owned(),
                field.clone(),
                of,
            );
            Some((field.clone(), of, scope.server?.usual(&key, scope.now)?))
        };
        let values = scope.keep.values.iter().map(|field| (field, Of::Value));
        let growths = scope.keep.growths.iter().map(|field| (field, Of::Growth));
        let table = |kind: &String| {
            let rows = scope.server.map(|server| server.rows(kind));
            let rows = rows.unwrap_or_default().into_iter().map(|row| row.value);
            (kind.clone(), rows.collect())
        };
        let numbers = Arc::new(Numbers {
            histories: scope.keep.histories.iter().filter_map(history).collect(),
            usual: values.chain(growths).filter_map(usual).collect(),
            tables: scope.with.iter().map(table).collect(),
        });
        let now = scope.now;
        let mut all = vec![("row", scope.row.clone())];
        all.push(("now", Value::from(now.micros() / 1_000_000)));
        all.push((
            "age",
            Value::from_function(move |text: Value| age(&text, now)),
        ));
        functions(&numbers, &mut all);
        Self(all)
    }

    /// Adds a name.
    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    fn value(&self) -> Value {
        self.0
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect()
    }

    /// What an expression says; `None` without data.
    pub(crate) fn eval(&self, expression: &str) -> Result<Option<Value>, String> {
        let compiled = compiled(expression)?;
        match compiled.eval(self.value()) {
            Ok(value) if value.is_undefined() || value.is_none() => Ok(None),
            Ok(value) => Ok(Some(value)),
            Err(error) => match error.kind() {
                ErrorKind::OutOfFuel | ErrorKind::UnknownFunction | ErrorKind::UnknownFilter => {
                    Err(say(&error))
                }
                _ => Ok(None),
            },
        }
    }

    /// A text; what has no data in it is said so.
    pub(crate) fn render(&self, template: &str) -> String {
        let text = ENVIRONMENT.render_str(template, self.value());
        text.unwrap_or_else(|_| "(a value of this text is missing)".to_owned())
    }
}

fn functions(numbers: &Arc<Numbers>, all: &mut Vec<(&'static str, Value)>) {
    let of = Arc::clone(numbers);
    let growth = move |field: &str, seconds: f64| -> Result<(f64, f64), Error> {
        of.history(field)?.growth(seconds).ok_or_else(no_data)
    };
    let rate = growth.clone();
    all.push((
        "delta",
        Value::from_function(move |field: &str, seconds: f64| {
            growth(field, seconds).map(|(grown, _)| grown)
        }),
    ));
    all.push((
        "rate",
        Value::from_function(move |field: &str, seconds: f64| {
            rate(field, seconds).map(|(grown, span)| grown / span)
        }),
    ));
    let of = Arc::clone(numbers);
    all.push((
        "slope",
        Value::from_function(move |field: &str, seconds: f64| {
            of.history(field)?.slope(seconds).ok_or_else(no_data)
        }),
    ));
    let of = Arc::clone(numbers);
    all.push((
        "eta",
        Value::from_function(move |field: &str, limit: f64| of.eta(field, limit)),
    ));
    for (name, is_least) in [("lowest", true), ("highest", false)] {
        let of = Arc::clone(numbers);
        let range = move |field: &str, seconds: f64| -> Result<f64, Error> {
            let range = of.history(field)?.range(seconds).ok_or_else(no_data)?;
            Ok(if is_least { range.0 } else { range.1 })
        };
        all.push((name, Value::from_function(range)));
    }
    usual_functions(numbers, all);
    let of = Arc::clone(numbers);
    all.push((
        "seen",
        Value::from_function(move |field: &str| of.history(field).map(|history| history.span())),
    ));
    let of = Arc::clone(numbers);
    all.push((
        "rows",
        Value::from_function(move |kind: &str| Value::from(of.table(kind).to_vec())),
    ));
    let of = Arc::clone(numbers);
    all.push((
        "first",
        Value::from_function(move |kind: &str| of.table(kind).first().cloned().ok_or_else(no_data)),
    ));
    let of = Arc::clone(numbers);
    all.push((
        "setting",
        Value::from_function(move |name: &str| of.setting(name)),
    ));
}

fn usual_functions(numbers: &Arc<Numbers>, all: &mut Vec<(&'static str, Value)>) {
    for (name, kind, is_level) in [
        ("usual", Of::Value, true),
        ("spread", Of::Value, false),
        ("usual_rate", Of::Growth, true),
        ("spread_rate", Of::Growth, false),
    ] {
        let of = Arc::clone(numbers);
        let usual = move |field: &str| -> Result<f64, Error> {
            let usual = of.usual(field, kind)?;
            Ok(if is_level { usual.level } else { usual.spread })
        };
        all.push((name, Value::from_function(usual)));
    }
}

impl Numbers {
    fn usual(&self, field: &str, of: Of) -> Result<Usual, Error> {
        let mut found = self.usual.iter();
        let found = found.find(|(name, kind, _)| name == field && *kind == of);
        found.map(|(_, _, usual)| *usual).ok_or_else(no_data)
    }

    fn history(&self, field: &str) -> Result<&crate::history::History, Error> {
        let found = self.histories.iter().find(|(name, _)| name == field);
        found.map(|(_, history)| history).ok_or_else(no_data)
    }

    fn table(&self, kind: &str) -> &[Value] {
        let found = self.tables.iter().find(|(name, _)| name == kind);
        found.map_or(&[], |(_, rows)| rows)
    }

    fn setting(&self, name: &str) -> Result<Value, Error> {
        for row in self.table("pg_setting") {
            if row.get_attr("name")?.as_str() == Some(name) {
                let setting = row.get_attr("setting")?;
                let parsed = setting.as_str().and_then(|text| text.parse::<f64>().ok());
                return Ok(parsed.map_or(setting, Value::from));
            }
        }
        Err(no_data())
    }

    /// Two windows must agree within a factor of three, where both were seen.
    fn eta(&self, field: &str, limit: f64) -> Result<f64, Error> {
        let history = self.history(field)?;
        let (_, now) = history.range(0.0).ok_or_else(no_data)?;
        let short = history.slope(21_600.0).ok_or_else(no_data)?;
        let long = history.slope(86_400.0).unwrap_or(short);
        if short <= 0.0 || long <= 0.0 || short > long * 3.0 || long > short * 3.0 {
            return Ok(NEVER);
        }
        Ok(((limit - now) / short.max(long)).max(0.0))
    }
}

fn no_data() -> Error {
    Error::new(ErrorKind::UndefinedError, "no data")
}

fn number(value: &Value) -> Result<f64, Error> {
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    let number = parsed.or_else(|| f64::try_from(value.clone()).ok());
    number
        .filter(|number| number.is_finite())
        .ok_or_else(no_data)
}

/// As Jinja's filter, but a whole number is written without a fraction.
fn round(value: Value, places: Option<i32>) -> Result<Value, Error> {
    Ok(whole(filters::round(value, places)?))
}

/// A number that is whole, without a fraction.
fn whole(value: Value) -> Value {
    let number = f64::try_from(value.clone()).ok();
    // Beyond 2^53 not each whole number is one of these.
    let number = number.filter(|number| number.fract() == 0.0 && number.abs() < 9e15);
    number.map_or(value, |number| Value::from(number as i64))
}

/// How many there are of something.
fn count(number: Value, one: &str, many: &str) -> String {
    let number = whole(number);
    let name = if number == Value::from(1) { one } else { many };
    format!("{number} {name}")
}

fn age(value: &Value, now: Timestamp) -> Result<f64, Error> {
    let at = value.as_str().and_then(crate::matching::time);
    let at = at.ok_or_else(no_data)?;
    Ok((now.micros() - at.micros()) as f64 / 1e6)
}

fn bytes(n: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = n;
    for unit in units {
        if scaled.abs() < 1024.0 || unit == "PiB" {
            return match unit {
                "B" => format!("{scaled:.0} B"),
                _ => format!("{scaled:.1} {unit}"),
            };
        }
        scaled /= 1024.0;
    }
    String::new()
}

fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..120 => format!("{whole} s"),
        120..7_200 => format!("{} min", whole / 60),
        7_200..172_800 => format!("{} h", whole / 3_600),
        _ => format!("{} days", whole / 86_400),
    }
}
