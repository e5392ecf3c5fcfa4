//! The plan, drawn for a person.

use super::Plan;

pub fn explain(_plan: &Plan) -> String {
    String::new()
}
