//! JSON as text: where values begin and end, without making anything of them.
//!
//! RFC 8259. What nobody asks for is only held to balance; it builds no tree.

mod document;
mod form;
mod path;
mod stream;
mod text;

pub use document::{Laid, Layout, lay_out};
pub use form::{Form, form_of};
pub use path::{Path as RecordPath, Step};
pub use stream::Fault;
