//! The names of SQLSTATEs.

/// `unique_violation (SQLSTATE 23505)`
pub fn condition(code: &str) -> String {
    let name = CONDITIONS.iter().find(|(known, _)| *known == code).map_or("error", |(_, name)| name);
    format!("{name} (SQLSTATE {code})")
}

/// Conditions that a backup meets, as the appendix on error codes of the PostgreSQL manual names them.
const CONDITIONS: [(&str, &str); 44] = [
    ("08006", "connection_failure"),
    ("0A000", "feature_not_supported"),
    ("22000", "data_exception"),
    ("22001", "string_data_right_truncation"),
    ("22003", "numeric_value_out_of_range"),
    ("22008", "datetime_field_overflow"),
    ("22012", "division_by_zero"),
    ("22021", "character_not_in_repertoire"),
    ("22023", "invalid_parameter_value"),
    ("22P02", "invalid_text_representation"),
    ("22P04", "bad_copy_file_format"),
    ("22P05", "untranslatable_character"),
    ("23502", "not_null_violation"),
    ("23503", "foreign_key_violation"),
    ("23505", "unique_violation"),
    ("23514", "check_violation"),
    ("23P01", "exclusion_violation"),
    ("25006", "read_only_sql_transaction"),
    ("25P02", "in_failed_sql_transaction"),
    ("28000", "invalid_authorization_specification"),
    ("28P01", "invalid_password"),
    ("3D000", "invalid_catalog_name"),
    ("3F000", "invalid_schema_name"),
    ("40001", "serialization_failure"),
    ("40P01", "deadlock_detected"),
    ("42501", "insufficient_privilege"),
    ("42601", "syntax_error"),
    ("42703", "undefined_column"),
    ("42704", "undefined_object"),
    ("42710", "duplicate_object"),
    ("42883", "undefined_function"),
    ("42P01", "undefined_table"),
    ("42P07", "duplicate_table"),
    ("53100", "disk_full"),
    ("53200", "out_of_memory"),
    ("53300", "too_many_connections"),
    ("55000", "object_not_in_prerequisite_state"),
    ("55P03", "lock_not_available"),
    ("57014", "query_canceled"),
    ("57P01", "admin_shutdown"),
    ("58030", "io_error"),
    ("P0001", "raise_exception"),
    ("XX000", "internal_error"),
    ("XX001", "data_corrupted"),
];
