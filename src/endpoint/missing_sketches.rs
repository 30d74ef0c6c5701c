//! Sketches for tables that differ and whose digests a server made: their rows are read after all, on the sides that lack one.

use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::endpoint::any::{Endpoint, Target};
use crate::model::hashing::{Accumulator, Purpose};
use crate::model::manifest::{Manifest, Observed, Tally};
use crate::model::name::Name;
use crate::model::progress::{Event, Listener};
use crate::model::sketch::Sketch;

/// Reads what differs and has no sketch. The lines of COPY define a digest: where they add up to another one than the server
/// gave, they count, and a remark says so. What cannot be read again keeps its digest.
pub async fn add(
    expected: (&Endpoint, &mut Manifest),
    actual: (&Endpoint, &mut Manifest),
    listener: &Listener,
) -> Vec<MarkedText> {
    let mut remarks = Vec::new();
    for (name, e) in &mut expected.1.relations {
        let Some(a) = actual.1.relations.get_mut(name) else { continue };
        let columns = e.read_columns.clone();
        let mut pairs = vec![(columns, &mut e.rows, &mut a.rows)];
        if let (Some(e), Some(a)) = (&mut e.computed, &mut a.computed) {
            pairs.push((e.columns.clone(), &mut e.rows, &mut a.rows));
        }
        for (columns, e, a) in pairs {
            let (Observed::Seen(e), Observed::Seen(a)) = (e, a) else { continue };
            let can_be_read = |endpoint: &Endpoint, tally: &Tally| tally.sketch.is_some() || endpoint.has_rows();
            let is_missing = e.sketch.is_none() || a.sketch.is_none();
            if e.digest == a.digest || !is_missing || !can_be_read(expected.0, e) || !can_be_read(actual.0, a) {
                continue;
            }
            listener(Event::Phase("read tables that differ"));
            let sides = tokio::join!(sketched(expected.0, name, &columns, e), sketched(actual.0, name, &columns, a));
            for (side, of_side) in [("expected", sides.0), ("actual", sides.1)] {
                remarks.extend(of_side.err().map(|error| error.context(format!("{side}: {name}")).text()));
            }
        }
    }
    remarks
}

/// Its rows once more, here, if it has no sketch.
async fn sketched(endpoint: &Endpoint, name: &Name, columns: &[String], tally: &mut Tally) -> Result<()> {
    if tally.sketch.is_some() {
        return Ok(());
    }
    let purpose = Purpose::Tally { log2: Sketch::log2_for_rows(tally.digest.rows) };
    let Accumulator::Tally(read) = endpoint.scan(Target::Relation(name), columns, &purpose).await? else {
        return Err(Error::new("the second pass added nothing up"));
    };
    let is_as_before = read.digest == tally.digest;
    *tally = read;
    if is_as_before { Ok(()) } else { Err(Error::new(OTHER_DIGEST).hint("please report this; use --digest-on client")) }
}

const OTHER_DIGEST: &str = "the digest that the server made is not that of the rows it sends; those count";
