//! The plan, drawn for a person.
