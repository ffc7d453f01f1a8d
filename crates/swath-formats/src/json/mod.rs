//! JSON as text: where values begin and end, without making anything of them.
//!
//! RFC 8259. What nobody asks for is only held to balance; it builds no tree.

mod document;
mod fields;
mod form;
mod path;
mod shape;
mod stream;
pub mod table;
mod text;

pub use document::{Laid, Layout, lay_out};
pub use fields::Paths;
pub use form::{Form, form_of};
pub use path::{Path as RecordPath, Step};
pub use shape::Shape;
pub use stream::Fault;
