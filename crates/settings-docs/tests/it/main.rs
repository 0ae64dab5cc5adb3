//! The committed page of settings is the one that the defaults give.

use rowlock_settings_docs::{FILE, page};

#[test]
fn the_committed_page_is_current() {
    let committed = std::fs::read_to_string(FILE).unwrap();
    assert!(page().unwrap() == committed, "docs/configuration.md is not current: run `make configuration`");
}
