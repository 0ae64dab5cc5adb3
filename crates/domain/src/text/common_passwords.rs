//! The most common passwords, which nobody may choose. An attacker tries them first.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Passwords in lower case, separated by white space. Only those that satisfy the other rules are listed.
static LIST: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("common-passwords.txt").split_whitespace().collect());

/// Returns whether a password is one of the most common, regardless of case.
pub(super) fn is_common(password: &str) -> bool {
    LIST.contains(password.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_in_lower_case() {
        let listed: Vec<_> = include_str!("common-passwords.txt").split_whitespace().collect();
        assert!(listed.is_sorted());
        assert!(listed.len() > 500, "{}", listed.len());
        assert!(listed.iter().all(|one| one.len() >= 8 && *one == one.to_lowercase()));
        assert_eq!(LIST.len(), listed.len(), "a password is listed twice");
    }

    #[test]
    fn case_makes_no_difference() {
        assert!(is_common("Password1") && is_common("QWERTZuiop") && is_common("12345678"));
        assert!(!is_common("correct horse battery") && !is_common(""));
    }
}
