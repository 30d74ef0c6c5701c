//! The structures of RFC 3161 and of RFC 5035 (ESSCertID), as far as they are needed; those of CMS are in the crate `cms`.

use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{DigestAlgorithmIdentifiers, EncapsulatedContentInfo, SignerInfos};
use der::asn1::{BitString, ContextSpecific, Int, ObjectIdentifier, OctetString, Uint};
use der::{Any, Decode as _, Encode as _, Reader as _, Sequence, Tag, Tagged as _};
use x509_cert::ext::Extensions;
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

/// `id-ct-TSTInfo`
pub const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-signedData`
pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `id-contentType`
pub const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// `id-messageDigest`
pub const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// `id-aa-signingCertificate`
pub const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// `id-aa-signingCertificateV2`
pub const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// `id-kp-timeStamping`
pub const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// What is stamped, as a hash.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct MessageImprint {
    pub hash_algorithm: AlgorithmIdentifierOwned,
    pub hashed_message: OctetString,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TimeStampReq {
    pub version: u8,
    pub message_imprint: MessageImprint,
    pub nonce: Uint,
    pub cert_req: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TimeStampResp {
    pub status: PkiStatusInfo,
    #[asn1(optional = "true")]
    pub token: Option<ContentInfo>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PkiStatusInfo {
    pub status: u8,
    #[asn1(optional = "true")]
    pub texts: Option<Vec<String>>,
    #[asn1(optional = "true")]
    pub failure: Option<BitString>,
}

impl PkiStatusInfo {
    /// The reason of a refusal, or `None` where the token was granted.
    pub fn refusal(&self) -> Option<String> {
        // Granted, and granted with modifications.
        if self.status <= 1 {
            return None;
        }
        let texts = self.texts.iter().flatten().map(String::as_str);
        let named = self.failure.iter().flat_map(BitString::bits).zip(0..).filter(|(is_set, _)| *is_set);
        let named = named.filter_map(|(_, bit)| FAILURES.iter().find(|(number, _)| *number == bit));
        let said: Vec<&str> = texts.chain(named.map(|(_, name)| *name)).collect();
        Some(if said.is_empty() { format!("status {}", self.status) } else { said.join(", ") })
    }
}

/// `PKIFailureInfo` of RFC 3161, section 2.4.2.
const FAILURES: [(u32, &str); 8] = [
    (0, "unknown algorithm"),
    (2, "bad request"),
    (5, "bad data format"),
    (14, "no time available"),
    (15, "policy not accepted"),
    (16, "extension not accepted"),
    (17, "additional information not available"),
    (25, "system failure"),
];

/// As `cms::signed_data::SignedData`, with certificates as they are: in any order, twice, of any form.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SignedToken {
    pub version: CmsVersion,
    pub digest_algorithms: DigestAlgorithmIdentifiers,
    pub content: EncapsulatedContentInfo,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub certificates: Option<AnySet>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub revocations: Option<AnySet>,
    pub signer_infos: SignerInfos,
}

/// A SET OF whose elements are not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnySet(pub Vec<Any>);

impl der::FixedTag for AnySet {
    const TAG: Tag = Tag::Set;
}

impl<'a> der::DecodeValue<'a> for AnySet {
    fn decode_value<R: der::Reader<'a>>(reader: &mut R, header: der::Header) -> der::Result<Self> {
        reader.read_nested(header.length, |reader| {
            let mut elements = Vec::new();
            while !reader.is_finished() {
                elements.push(Any::decode(reader)?);
            }
            Ok(Self(elements))
        })
    }
}

impl der::EncodeValue for AnySet {
    fn value_len(&self) -> der::Result<der::Length> {
        self.0.iter().try_fold(der::Length::ZERO, |sum, element| sum + element.encoded_len()?)
    }

    fn encode_value(&self, writer: &mut impl der::Writer) -> der::Result<()> {
        self.0.iter().try_for_each(|element| element.encode(writer))
    }
}

/// What the authority signs.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TstInfo {
    pub version: u8,
    pub policy: ObjectIdentifier,
    pub message_imprint: MessageImprint,
    pub serial_number: Int,
    /// A `GeneralizedTime`, which may have a fraction of a second.
    pub gen_time: Any,
    #[asn1(optional = "true")]
    pub accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    pub ordering: bool,
    #[asn1(optional = "true")]
    pub nonce: Option<Uint>,
    #[asn1(optional = "true")]
    pub tsa: Option<AuthorityName>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub extensions: Option<Extensions>,
}

/// Not used: the certificate names the authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityName(ContextSpecific<Any>);

impl<'a> der::Decode<'a> for AuthorityName {
    fn decode<R: der::Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        ContextSpecific::<Any>::decode(reader).map(Self)
    }
}

impl der::Encode for AuthorityName {
    fn encoded_len(&self) -> der::Result<der::Length> {
        self.0.encoded_len()
    }

    fn encode(&self, writer: &mut impl der::Writer) -> der::Result<()> {
        self.0.encode(writer)
    }
}

impl der::Tagged for AuthorityName {
    fn tag(&self) -> Tag {
        self.0.tag()
    }
}

impl der::Choice<'_> for AuthorityName {
    fn can_decode(tag: Tag) -> bool {
        tag == Tag::ContextSpecific { constructed: true, number: der::TagNumber::N0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct Accuracy {
    #[asn1(optional = "true")]
    pub seconds: Option<u64>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub micros: Option<u16>,
}

impl Accuracy {
    /// In whole seconds, rounded up.
    pub fn seconds(&self) -> u64 {
        let has_fraction = [self.millis, self.micros].into_iter().flatten().any(|part| part > 0);
        self.seconds.unwrap_or(0).saturating_add(u64::from(has_fraction))
    }
}

/// The attribute that binds a signature to a certificate; only the first entry is needed.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SigningCertificate {
    pub certs: Vec<EssCertId>,
    #[asn1(optional = "true")]
    pub policies: Option<Any>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EssCertId {
    pub cert_hash: OctetString,
    #[asn1(optional = "true")]
    pub issuer_serial: Option<Any>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SigningCertificateV2 {
    pub certs: Vec<EssCertIdV2>,
    #[asn1(optional = "true")]
    pub policies: Option<Any>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EssCertIdV2 {
    #[asn1(optional = "true")]
    pub hash_algorithm: Option<AlgorithmIdentifierOwned>,
    pub cert_hash: OctetString,
    #[asn1(optional = "true")]
    pub issuer_serial: Option<Any>,
}

/// The time in a `GeneralizedTime` as RFC 3161 has it: in UTC, perhaps with a fraction, which is cut off.
pub fn time_of(time: &Any) -> Result<Timestamp> {
    let wrong = || Error::new("its time is not a time in UTC");
    let text = (time.tag() == Tag::GeneralizedTime).then(|| std::str::from_utf8(time.value()).ok()).flatten();
    let text = text.and_then(|text| text.strip_suffix('Z')).ok_or_else(wrong)?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_fraction =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() && !text.ends_with('0');
    if !fraction.is_none_or(is_fraction) {
        return Err(wrong());
    }
    let (date, clock) = whole.split_at_checked(8).ok_or_else(wrong)?;
    Timestamp::from_stamp(&format!("{date}T{clock}Z")).ok_or_else(wrong)
}
