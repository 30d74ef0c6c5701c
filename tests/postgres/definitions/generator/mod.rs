//! Definitions and rows from a seed: the same seed and version give the same statements.

mod expression;
mod objects;
mod query;
mod random;
mod table;

use random::Random;
use table::Table;

/// SQL, in order. A server may refuse a part of it.
pub struct Script {
    /// One statement each.
    pub statements: Vec<String>,
}

/// Tables of a script; what else there is is made over them.
const TABLES: usize = 4;
/// Further objects of a script.
const OBJECTS: usize = 60;

impl Script {
    /// For a server of this major version.
    pub fn generate(seed: u64, major: u32) -> Self {
        let mut random = Random::new(seed);
        let mut statements: Vec<String> = objects::PREPARE.iter().map(|sql| (*sql).to_owned()).collect();
        let mut tables: Vec<Table> = Vec::new();
        for number in 0..TABLES {
            let table = Table::generate(&mut random, number);
            statements.extend(table.statements(&mut random, &tables));
            tables.push(table);
        }
        for number in 0..OBJECTS {
            statements.extend(objects::generate(&mut random, &tables, number, major));
        }
        Self { statements }
    }
}
