//! What goes wrong on demand.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::vendor::Refusal;

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server refuses with this status.
    Status(u16),
    /// It refuses with 429, and will go on to.
    QuotaSpent,
    /// The connection is cut before an answer.
    Reset,
    /// The connection is cut amid an answer.
    ResetAmid,
    /// Nothing is ever answered.
    StallBefore,
    /// An answer begins, and does not go on.
    StallAmid,
    /// The body ends early, and its length says so, too.
    CutJson,
    /// The body does not end for 100 MB.
    Huge,
    /// A page takes the place of the answer.
    ContentType,
    /// The body is empty.
    Empty,
}

/// The names of those that are no status.
const NAMES: [(&str, Fault); 9] = [
    ("quota-spent", Fault::QuotaSpent),
    ("reset", Fault::Reset),
    ("reset-amid", Fault::ResetAmid),
    ("stall-before", Fault::StallBefore),
    ("stall-amid", Fault::StallAmid),
    ("cut-json", Fault::CutJson),
    ("huge", Fault::Huge),
    ("content-type", Fault::ContentType),
    ("empty", Fault::Empty),
];

impl Fault {
    pub(super) fn name(self) -> String {
        match NAMES.iter().find(|(_, fault)| *fault == self) {
            Some((name, _)) => (*name).into(),
            None => match self {
                Self::Status(status) => status.to_string(),
                _ => "fault".into(),
            },
        }
    }

    /// Returns the refusal, where the fault is one.
    pub(super) fn refusal(self) -> Option<Refusal> {
        let status = match self {
            Self::Status(status) => status,
            Self::QuotaSpent => {
                let why =
                    "You exceeded your current quota, please check your plan and billing details.";
                return Some(Refusal::of(429, why).code("insufficient_quota"));
            }
            _ => return None,
        };
        let why = match status {
            400 => "The simulator was told to find this request invalid.",
            401 => "The simulator was told to find this key incorrect.",
            404 => "The simulator was told not to know this model.",
            409 => "The simulator was told that another request is in the way.",
            429 => "Rate limit reached: the simulator was told to limit this request.",
            529 => "Overloaded",
            500.. => "The server had an error: the simulator was told to have one.",
            _ => "The simulator was told to refuse this request.",
        };
        Some(Refusal::of(status, why))
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, fault)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*fault);
        }
        match text.parse() {
            Ok(status @ 400..=599) => Ok(Self::Status(status)),
            _ => {
                let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
                Err(format!(
                    "there is no fault `{text}`: write a status from 400 to 599, or one of {}",
                    names.join(", ")
                ))
            }
        }
    }
}

/// Faults that come by chance, each with its share of the requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Faults(Vec<(Fault, f64)>);

impl Faults {
    /// Returns the fault that belongs to a number from 0 to 1.
    pub(super) fn at(&self, draw: f64) -> Option<Fault> {
        let mut sum = 0.0;
        self.0.iter().find_map(|(fault, share)| {
            sum += share;
            (draw < sum).then_some(*fault)
        })
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (kind, share) = part.split_once(':').ok_or("write it as KIND:SHARE,…")?;
            let share: f64 = share
                .parse()
                .map_err(|_| format!("`{share}` is not a number"))?;
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("the share `{share}` is not from 0 to 1"));
            }
            faults.push((kind.parse()?, share));
        }
        if faults.iter().map(|(_, share)| share).sum::<f64>() > 1.0 + 1e-9 {
            return Err("the shares come to more than 1".into());
        }
        Ok(Self(faults))
    }
}

/// When a client is told to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// Seconds, as they were written: `1` or `1.5`.
    Seconds(String),
    /// So many seconds from now, as a date.
    Date(u64),
    /// Milliseconds, in a header of their own.
    Millis(u64),
}

impl RetryAfter {
    /// Returns the header.
    pub(super) fn header(&self, now: Duration) -> (&'static str, String) {
        match self {
            Self::Seconds(seconds) => ("retry-after", seconds.clone()),
            Self::Date(seconds) => {
                let at = std::time::UNIX_EPOCH + now + Duration::from_secs(*seconds);
                ("retry-after", httpdate::fmt_http_date(at))
            }
            Self::Millis(ms) => ("retry-after-ms", ms.to_string()),
        }
    }
}

impl FromStr for RetryAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let low = text.to_ascii_lowercase();
        if low == "date" {
            return Ok(Self::Date(2));
        }
        let read = |text: &str| {
            text.parse()
                .map_err(|_| format!("`{text}` is not a whole number"))
        };
        if let Some(seconds) = low.strip_prefix("date:") {
            return match read(seconds)? {
                seconds @ 0..=86_400 => Ok(Self::Date(seconds)),
                _ => Err("a date is at most a day away".into()),
            };
        }
        if let Some(ms) = low.strip_prefix("ms:") {
            return read(ms).map(Self::Millis);
        }
        match text.parse::<f64>() {
            Ok(seconds) if seconds >= 0.0 && seconds.is_finite() => Ok(Self::Seconds(text.into())),
            _ => Err(
                "write seconds as `1` or `1.5`, `date`, `date:SECONDS`, or `ms:MILLISECONDS`"
                    .into(),
            ),
        }
    }
}

/// A fault for the next requests, as it is asked for over HTTP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFault {
    fault: String,
    #[serde(default)]
    retry_after: Option<String>,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

/// A fault that the next requests get, in order.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) fault: Fault,
    pub(super) retry_after: Option<RetryAfter>,
    pub(super) times: u32,
}

impl TryFrom<WrittenFault> for Planned {
    type Error = String;

    fn try_from(written: WrittenFault) -> Result<Self, String> {
        Ok(Self {
            fault: written.fault.parse()?,
            retry_after: written.retry_after.as_deref().map(str::parse).transpose()?,
            times: written.times,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_share() {
        let faults: Faults = "429:0.25,reset:0.25".parse().unwrap();
        assert_eq!(faults.at(0.1), Some(Fault::Status(429)));
        assert_eq!(faults.at(0.3), Some(Fault::Reset));
        assert_eq!(faults.at(0.5), None);
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in [
            "429",
            "200:0.1",
            "slow:0.1",
            "429:2",
            "429:0.6,500:0.6",
            "429:x",
        ] {
            assert!(text.parse::<Faults>().is_err(), "{text}");
        }
        for (name, fault) in NAMES {
            assert_eq!(name.parse(), Ok(fault));
            assert_eq!(fault.name(), name);
        }
    }

    #[test]
    fn a_client_is_told_when_to_come_back_in_three_ways() {
        let now = Duration::from_secs(1_440_938_160);
        for (text, header) in [
            ("1.5", ("retry-after", "1.5")),
            ("ms:250", ("retry-after-ms", "250")),
            ("DATE", ("retry-after", "Sun, 30 Aug 2015 12:36:02 GMT")),
        ] {
            let (name, value) = text.parse::<RetryAfter>().unwrap().header(now);
            assert_eq!((name, value.as_str()), header);
        }
        assert!("soon".parse::<RetryAfter>().is_err() && "-1".parse::<RetryAfter>().is_err());
    }
}
