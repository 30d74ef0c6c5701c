//! The value of `--recheck`: `5` or `5,30s`.

use std::fmt;
use std::str::FromStr;

use crate::base::error::{Error, Result};
use crate::compare::recheck::RecheckRequest;
use crate::config::Span;

/// Rounds and the length of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecheckArgument {
    rounds: u32,
    interval: Span,
}

impl RecheckArgument {
    /// Most rounds.
    const MOST: u32 = 1000;
    /// Length of a round.
    const INTERVAL: Span = Span::seconds(10);

    /// As the comparison has it.
    pub fn request(self) -> RecheckRequest {
        RecheckRequest { rounds: self.rounds, interval: self.interval.duration() }
    }
}

impl FromStr for RecheckArgument {
    type Err = Error;

    /// # Errors
    /// Not a number of rounds from 1 to 1000, or not a length of time.
    fn from_str(text: &str) -> Result<Self> {
        let (rounds, interval) = match text.split_once(',') {
            Some((rounds, interval)) => (rounds, interval.parse()?),
            None => (text, Self::INTERVAL),
        };
        let is_number = !rounds.is_empty() && rounds.bytes().all(|byte| byte.is_ascii_digit());
        match rounds.parse::<u32>().ok().filter(|rounds| is_number && (1..=Self::MOST).contains(rounds)) {
            Some(rounds) => Ok(Self { rounds, interval }),
            None => {
                let most = Self::MOST;
                Err(Error::new(format!("{rounds:?} is not a number of rounds from 1 to {most}; write 5 or 5,30s")))
            }
        }
    }
}

/// As it may be given again.
impl fmt::Display for RecheckArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.rounds, self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_their_length() {
        for (text, printed) in [("5", "5,10s"), ("1,90s", "1,90s"), ("1000,2m", "1000,2m")] {
            let parsed: RecheckArgument = text.parse().unwrap();
            assert_eq!(parsed.to_string(), printed);
            assert_eq!(parsed.to_string().parse::<RecheckArgument>().unwrap(), parsed);
        }
    }

    #[test]
    fn no_rounds_too_many_and_no_length_are_refused() {
        for text in ["", "0", "1001", "-1", "+1", "5,", "5,10", "5,0s", "5 10s", ",10s", "5,10s,1"] {
            assert!(text.parse::<RecheckArgument>().is_err(), "{text}");
        }
    }
}
