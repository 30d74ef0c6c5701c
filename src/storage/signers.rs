//! `allowed_signers` files: the signers whose signature counts.
//!
//! The format is the one of ssh-keygen(1), section ALLOWED SIGNERS. A line that cannot be parsed makes the whole file an error, since
//! a mistyped restriction must not become no restriction.

use ssh_key::public::KeyData;
use wildmatch::WildMatch;

use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::storage::signature::{NAMESPACE, PublicKey};

/// The allowed signers, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    entries: Vec<SignerLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SignerLine {
    line: usize,
    principals: String,
    limits: SignerLimits,
    /// `None`: a key of another kind, which never signs a report.
    key: Option<KeyData>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SignerLimits {
    namespaces: Option<String>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

/// Who may sign with a key, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignerValidity<'a> {
    /// As in the file.
    pub principals: &'a str,
    /// `None`: no such limit.
    pub valid_after: Option<Timestamp>,
    /// `None`: no such limit.
    pub valid_before: Option<Timestamp>,
}

/// Where the lines of such a file come from.
pub const LISTED_BY: &str = "write the lines into it that `pgwitness keygen` and `pgwitness report acknowledge` print";

impl AllowedSigners {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim_start().starts_with("-----BEGIN ") {
            return Err(Error::new("it is a key file, not a list of signers").hint(LISTED_BY));
        }
        let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let entries =
            lines.map(|(number, line)| entry(number, line).doing(|| format!("allowed signers, line {number}")));
        Ok(Self { entries: entries.collect::<Result<_>>()? })
    }

    /// The principals that this key may sign reports for at this time; with an `identity`, only if it is one of them.
    /// The error is the reason why the key does not count.
    pub fn principal(&self, key: &PublicKey, identity: Option<&str>, now: Timestamp) -> Result<&str> {
        self.principal_for(NAMESPACE, key, identity, now)
    }

    /// As [`AllowedSigners::principal`], for another purpose than reports (`ssh-keygen -n`).
    pub fn principal_for(
        &self,
        namespace: &str,
        key: &PublicKey,
        identity: Option<&str>,
        now: Timestamp,
    ) -> Result<&str> {
        let mut reason = Error::new(format!("unknown signer {}", key.fingerprint(ssh_key::HashAlg::Sha256)));
        for entry in self.entries.iter().filter(|entry| entry.key.as_ref() == Some(key.key_data())) {
            match entry.objection(namespace, identity, now) {
                None => return Ok(&entry.principals),
                Some(objection) => {
                    reason = Error::new(format!("line {} of the allowed signers {objection}", entry.line))
                }
            }
        }
        Err(reason)
    }

    /// The line that lets this key sign reports at this time.
    pub fn validity(&self, key: &PublicKey, at: Timestamp) -> Option<SignerValidity<'_>> {
        let of_key = self.entries.iter().filter(|entry| entry.key.as_ref() == Some(key.key_data()));
        let entry = of_key.into_iter().find(|entry| entry.objection(NAMESPACE, None, at).is_none())?;
        let SignerLimits { valid_after, valid_before, .. } = entry.limits;
        Some(SignerValidity { principals: &entry.principals, valid_after, valid_before })
    }
}

impl SignerLine {
    fn objection(&self, namespace: &str, identity: Option<&str>, now: Timestamp) -> Option<String> {
        let limits = &self.limits;
        if let Some(identity) = identity.filter(|identity| !is_listed(&self.principals, identity)) {
            return Some(format!("lists this key for {}, not for {identity}", self.principals));
        }
        if limits.namespaces.as_ref().is_some_and(|namespaces| !is_listed(namespaces, namespace)) {
            return Some(format!("does not let this key sign for {namespace}"));
        }
        if let Some(from) = limits.valid_after.filter(|from| now < *from) {
            return Some(format!("lets this key sign from {from} on; it is {now}"));
        }
        limits
            .valid_before
            .filter(|until| now > *until)
            .map(|until| format!("let this key sign until {until}; it is {now}"))
    }
}

fn entry(line: usize, text: &str) -> Result<SignerLine> {
    if is_key_type(text) {
        let hint = format!(
            "put the identity in front of it: backup@db.example.org namespaces=\"{NAMESPACE}\" ssh-ed25519 AAAA…"
        );
        return Err(Error::new("a public key without the name of its signer").hint(hint));
    }
    let (principals, rest) = principals(text)?;
    let fields = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    // Options are the text between the principals and the key type; they may have spaces in quotes.
    let (limits, rest) = if is_key_type(rest) { (SignerLimits::default(), rest) } else { options(rest)? };
    let [kind, base64, ..] = &fields(rest)[..] else { return Err(Error::new("the key is missing")) };
    let key = if COUNTED.contains(&kind.as_str()) {
        let key = PublicKey::from_openssh(&format!("{kind} {base64}"));
        Some(key.map_err(|error| Error::new(format!("not a key: {error}")))?.key_data().clone())
    } else if is_key_type(kind) {
        None
    } else {
        return Err(Error::new(format!("{kind:?} is not a type of key")));
    };
    Ok(SignerLine { line, principals, limits, key })
}

/// Types of keys that may sign.
const COUNTED: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

fn is_key_type(rest: &str) -> bool {
    let word = rest.split_whitespace().next().unwrap_or_default();
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "webauthn-sk-"].iter().any(|prefix| word.starts_with(prefix))
}

fn principals(text: &str) -> Result<(String, &str)> {
    let (principals, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or_else(|| Error::new("a quotation mark is not closed"))?,
        None => text.split_once([' ', '\t']).ok_or_else(|| Error::new("the key is missing"))?,
    };
    if principals.is_empty() {
        return Err(Error::new("the principals are missing"));
    }
    Ok((principals.to_owned(), rest.trim_start()))
}

fn options(text: &str) -> Result<(SignerLimits, &str)> {
    let mut limits = SignerLimits::default();
    let mut rest = text;
    loop {
        let end = rest.find(['=', ',', ' ', '\t']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            Some(after) => value(after)?,
            None => (None, after),
        };
        set_option(&mut limits, &name.to_ascii_lowercase(), value)?;
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.starts_with([' ', '\t']) => return Ok((limits, after.trim_start())),
            None => return Err(Error::new("the key is missing")),
        }
    }
}

fn value(text: &str) -> Result<(Option<&str>, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => {
            let (value, rest) = quoted.split_once('"').ok_or_else(|| Error::new("a quotation mark is not closed"))?;
            Ok((Some(value), rest))
        }
        None => Err(Error::new("the value of an option stands in quotation marks")),
    }
}

fn set_option(limits: &mut SignerLimits, name: &str, value: Option<&str>) -> Result<()> {
    let is_new = match (name, value) {
        ("cert-authority", None) => {
            let hint = "list the key that signs reports itself";
            return Err(Error::new("certificates (cert-authority) are not supported").hint(hint));
        }
        ("namespaces", Some(value)) => limits.namespaces.replace(value.to_owned()).is_none(),
        ("valid-after", Some(value)) => limits.valid_after.replace(time(value)?).is_none(),
        ("valid-before", Some(value)) => limits.valid_before.replace(time(value)?).is_none(),
        _ => return Err(Error::new(format!("{name:?} is not an option of allowed signers that we know"))),
    };
    if is_new { Ok(()) } else { Err(Error::new(format!("{name} is given twice"))) }
}

/// `YYYYMMDDZ` or `YYYYMMDDHHMM[SS]Z`. ssh-keygen also accepts local time; this is refused, because the result would depend on the
/// time zone.
fn time(text: &str) -> Result<Timestamp> {
    let Some(digits) = text.strip_suffix(['Z', 'z']) else {
        let hint = "end it with Z to say UTC, for instance 20260131Z or 202601312359Z";
        return Err(Error::new(format!("{text:?} is a local time, which is not the same everywhere")).hint(hint));
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && matches!(digits.len(), 8 | 12 | 14);
    let whole = format!("{digits:0<14}");
    let stamp = whole.split_at_checked(8).map(|(date, time)| format!("{date}T{time}Z"));
    let time = stamp.and_then(|stamp| Timestamp::from_stamp(&stamp)).filter(|_| is_plain);
    time.ok_or_else(|| Error::new(format!("{text:?} is not a time like 20260131Z or 202601312359Z")))
}

/// A pattern list of ssh_config(5): at least one pattern matches, and none of the negated ones.
fn is_listed(list: &str, text: &str) -> bool {
    let mut is_listed = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if WildMatch::new(negated).matches(text) => return false,
            Some(_) => {}
            None => is_listed |= WildMatch::new(pattern).matches(text),
        }
    }
    is_listed
}

#[cfg(test)]
mod tests;
