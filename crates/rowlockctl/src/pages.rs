//! Pagination: reads lists of the API page by page.

use serde_json::Value;

use crate::api::{Api, ApiRequest, ApiResponse};
use crate::error::Failure;
use crate::output::{Column, Output, print_line, print_note, table};

/// Maximum page size of the API.
const MAX_PAGE_SIZE: usize = 100;

/// Maximum number of items of a list to show.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ListLimit {
    /// Maximum number of items to show.
    #[arg(long, default_value_t = 100, value_name = "N", conflicts_with = "all")]
    limit: usize,
    /// Shows all items.
    #[arg(long)]
    all: bool,
}

impl ListLimit {
    fn max_items(self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }
}

/// Reads a list page by page. `send` sends each request; `extract_page` extracts the page from its response. `on_item` receives
/// the items and returns whether it wants more. Returns whether the list has further items.
pub(crate) fn for_each_item(
    api: &Api,
    request: &ApiRequest<'_>,
    extract_page: fn(Value) -> Value,
    limit: usize,
    mut send: impl FnMut(&ApiRequest<'_>) -> Result<ApiResponse, Failure>,
    mut on_item: impl FnMut(Value) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut remaining = limit;
    let mut cursor = None;
    loop {
        let page_size = remaining.clamp(1, MAX_PAGE_SIZE);
        let page = request.clone().query("limit", Some(page_size.to_string())).query("cursor", cursor);
        let mut page = extract_page(send(&page)?.body);
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
            return Err(api.unexpected_response("the response is not a page of a list".to_owned()));
        };
        let next = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        for item in items {
            if remaining == 0 {
                return Ok(true);
            }
            remaining -= 1;
            if !on_item(item)? {
                return Ok(true);
            }
        }
        match next {
            None => return Ok(false),
            Some(_) if remaining == 0 => return Ok(true),
            // Every page but the last is full, so the loop terminates.
            Some(next) => cursor = Some(next),
        }
    }
}

/// How a list is printed: one JSON document per line as they arrive, or a table of all items. `empty_message` is printed if
/// there are none.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) output: Output,
    pub(crate) limit: ListLimit,
    pub(crate) columns: &'a [Column],
    pub(crate) empty_message: &'a str,
}

impl Listing<'_> {
    /// Reads and prints the list.
    pub(crate) fn show(
        &self,
        api: &Api,
        request: &ApiRequest<'_>,
        extract_page: fn(Value) -> Value,
        send: impl FnMut(&ApiRequest<'_>) -> Result<ApiResponse, Failure>,
        row: impl Fn(Value) -> Result<Vec<String>, serde_json::Error>,
    ) -> Result<(), Failure> {
        let mut rows = Vec::new();
        let max_items = self.limit.max_items();
        let has_more = for_each_item(api, request, extract_page, max_items, send, |item| {
            if self.output.json {
                print_line(&item.to_string())?;
            } else {
                rows.push(row(item).map_err(|error| api.unexpected_response(format!("an item has an unexpected format ({error})")))?);
            }
            Ok(true)
        })?;
        if !self.output.json {
            print_line(&if rows.is_empty() { self.empty_message.to_owned() } else { table(self.columns, rows) })?;
        }
        if has_more {
            print_note("The list has more items. Show them with --all, or raise --limit.");
        }
        Ok(())
    }
}
