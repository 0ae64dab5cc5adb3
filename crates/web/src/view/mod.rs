//! Helpers that templates share: the frame of a page, charts, events and their state in words, deadlines, colors, links, and safe Markdown.

pub(crate) mod chance;
pub(crate) mod chart;
pub(crate) mod color;
pub(crate) mod deadline;
pub(crate) mod event;
pub(crate) mod links;
pub(crate) mod markdown;
pub(crate) mod minimum;
pub(crate) mod page;
pub(crate) mod state;
pub(crate) mod words;
