//! Pagination: reads lists of the API page by page.

use serde_json::Value;

use crate::api::{Answer, Api, Call};
use crate::error::Failure;
use crate::output::{Column, Output, line, note, table};

/// Maximum page size of the API.
const LARGEST_PAGE: usize = 100;

/// How many items of a list to show.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct HowMany {
    /// Maximum number of items to show.
    #[arg(long, default_value_t = 100, value_name = "N", conflicts_with = "all")]
    limit: usize,
    /// Shows all items.
    #[arg(long)]
    all: bool,
}

impl HowMany {
    fn most(self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }
}

/// Reads a list page by page. `send` sends each request; `within` extracts the page from its response. `each` receives the items
/// and returns whether it wants more. Returns whether the list has further items.
pub(crate) fn walk(
    api: &Api,
    call: &Call<'_>,
    within: fn(Value) -> Value,
    limit: usize,
    mut send: impl FnMut(&Call<'_>) -> Result<Answer, Failure>,
    mut each: impl FnMut(Value) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut left = limit;
    let mut cursor = None;
    loop {
        let page_size = left.clamp(1, LARGEST_PAGE);
        let page = call.clone().with("limit", Some(page_size.to_string())).with("cursor", cursor);
        let mut page = within(send(&page)?.body);
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
            return Err(api.not_rowlock("the answer is not a page of a list".to_owned()));
        };
        let next = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        for item in items {
            if left == 0 {
                return Ok(true);
            }
            left -= 1;
            if !each(item)? {
                return Ok(true);
            }
        }
        match next {
            None => return Ok(false),
            Some(_) if left == 0 => return Ok(true),
            // Every page but the last is full, so the loop terminates.
            Some(next) => cursor = Some(next),
        }
    }
}

/// How a list is printed: one JSON document per line as they arrive, or a table of all items. `empty` is printed if there are
/// none.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) output: Output,
    pub(crate) how_many: HowMany,
    pub(crate) columns: &'a [Column],
    pub(crate) empty: &'a str,
}

impl Listing<'_> {
    /// Reads and prints the list.
    pub(crate) fn show(
        &self,
        api: &Api,
        call: &Call<'_>,
        within: fn(Value) -> Value,
        send: impl FnMut(&Call<'_>) -> Result<Answer, Failure>,
        row: impl Fn(Value) -> Result<Vec<String>, serde_json::Error>,
    ) -> Result<(), Failure> {
        let mut rows = Vec::new();
        let most = self.how_many.most();
        let more = walk(api, call, within, most, send, |item| {
            if self.output.json {
                line(&item.to_string())?;
            } else {
                rows.push(row(item).map_err(|error| api.not_rowlock(format!("an item is not as expected ({error})")))?);
            }
            Ok(true)
        })?;
        if !self.output.json {
            line(&if rows.is_empty() { self.empty.to_owned() } else { table(self.columns, rows) })?;
        }
        if more {
            note(&format!("There are more than {most}. See the rest with --all, or --limit."));
        }
        Ok(())
    }
}
