//! Reading a query string, and cursors: opaque to clients, keys to us.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use actix_web::{HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rowlock_domain::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{FieldError, Problem};

/// The parameters of a query string, and what was wrong with them. Unknown parameters are ignored.
#[derive(Debug)]
pub struct QueryFields {
    values: HashMap<String, String>,
    errors: Vec<FieldError>,
}

impl QueryFields {
    /// The query string of a request.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Self::parse(request.query_string())
    }

    /// A query string; of a parameter given twice the last counts.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let values = web::Query::<HashMap<String, String>>::from_query(query)
            .map_err(|_| Problem::invalid_field("query", "is not a readable query string"))?
            .into_inner();
        Ok(Self { values, errors: Vec::new() })
    }

    fn complain(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: name.to_owned(), message: message.into() });
    }

    fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<Option<T>> {
        let Some(text) = self.values.get(name).filter(|text| !text.is_empty()).cloned() else { return Some(None) };
        match parse(&text) {
            Ok(value) => Some(Some(value)),
            Err(message) => {
                self.complain(name, message);
                None
            }
        }
    }

    /// A parameter that may be absent.
    pub fn optional<T: FromStr>(&mut self, name: &str) -> Option<Option<T>>
    where
        T::Err: Display,
    {
        self.read(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// A time that may be absent.
    pub fn time(&mut self, name: &str) -> Option<Option<Timestamp>> {
        // A `+` of an offset that was not encoded arrives as a space.
        self.read(name, |text| crate::json::time(&text.replace(' ', "+").into()))
    }

    /// How many items, from 1 to 100; 20 unless told.
    pub fn limit(&mut self) -> Option<i64> {
        let limit = self.read("limit", |text| {
            text.parse::<i64>().ok().filter(|n| (1..=100).contains(n)).ok_or_else(|| "must be a number from 1 to 100".to_owned())
        });
        limit.map(|limit| limit.unwrap_or(20))
    }

    /// Where the page begins.
    pub fn cursor<T: DeserializeOwned>(&mut self) -> Option<Option<T>> {
        self.read("cursor", |text| decode_cursor(text).ok_or_else(|| "is not a cursor of this list".to_owned()))
    }

    /// Ends the reading.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid_input(self.errors)),
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page out of rows that were read with one more than `limit`, to know whether there is a next page.
    pub fn cut<R, K: Serialize>(mut rows: Vec<R>, limit: i64, key: impl Fn(&R) -> K, item: impl FnMut(R) -> T) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(|row| encode_cursor(&key(row))) } else { None };
        Self { items: rows.into_iter().map(item).collect(), next_cursor }
    }
}

/// Writes a key as a cursor.
pub fn encode_cursor<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

/// Reads a cursor back; `None` for what is not one.
pub fn decode_cursor<K: DeserializeOwned>(text: &str) -> Option<K> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_where_the_next_one_begins() {
        let page: Page<i32> = Page::cut(vec![1, 2, 3], 2, |n| *n, |n| n * 10);
        assert_eq!(page.items, [10, 20]);
        assert_eq!(decode_cursor::<i32>(&page.next_cursor.unwrap()), Some(2));
        assert_eq!(Page::<i32>::cut(vec![1, 2], 2, |n| *n, |n| n).next_cursor, None);
        assert_eq!(decode_cursor::<i32>("not a cursor"), None);
    }
}
