//! Statement parameters with their database types. A statement that is sent as text must name the
//! types of its parameters.

use tokio_postgres::types::{ToSql, Type};

/// A parameter whose Rust type determines its type in the database.
pub(crate) trait Parameter: ToSql + Sync {
    fn database_type(&self) -> Type;
}

pub(crate) type Parameters<'a> = &'a [&'a (dyn Parameter + 'a)];

pub(crate) fn values(parameters: Parameters<'_>) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|parameter| *parameter as &(dyn ToSql + Sync)).collect()
}

pub(crate) fn typed(parameters: Parameters<'_>) -> Vec<(&(dyn ToSql + Sync), Type)> {
    parameters.iter().map(|parameter| (*parameter as &(dyn ToSql + Sync), parameter.database_type())).collect()
}

pub(crate) trait Scalar: ToSql + Sync {
    const VALUE: Type;
    const ARRAY: Type;
}

macro_rules! scalars {
    ($($rust:ty: $value:ident, $array:ident;)+) => {
        $(impl Scalar for $rust {
            const VALUE: Type = Type::$value;
            const ARRAY: Type = Type::$array;
        })+
    };
}

scalars! {
    bool: BOOL, BOOL_ARRAY;
    i16: INT2, INT2_ARRAY;
    i32: INT4, INT4_ARRAY;
    i64: INT8, INT8_ARRAY;
    &str: TEXT, TEXT_ARRAY;
    String: TEXT, TEXT_ARRAY;
    std::borrow::Cow<'_, str>: TEXT, TEXT_ARRAY;
    &[u8]: BYTEA, BYTEA_ARRAY;
    Vec<u8>: BYTEA, BYTEA_ARRAY;
}

impl<T: Scalar> Parameter for T {
    fn database_type(&self) -> Type {
        T::VALUE
    }
}

impl<T: Scalar> Parameter for Option<T> {
    fn database_type(&self) -> Type {
        T::VALUE
    }
}

impl<T: Scalar> Parameter for &[T] {
    fn database_type(&self) -> Type {
        T::ARRAY
    }
}

impl<T: Scalar> Parameter for Vec<T> {
    fn database_type(&self) -> Type {
        T::ARRAY
    }
}

impl<T: Scalar> Parameter for Vec<Option<T>> {
    fn database_type(&self) -> Type {
        T::ARRAY
    }
}

impl<T: Scalar> Parameter for Option<Vec<T>> {
    fn database_type(&self) -> Type {
        T::ARRAY
    }
}
