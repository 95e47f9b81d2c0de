//! The answers of `workflow …`.

mod check;
mod list;
mod tree;
