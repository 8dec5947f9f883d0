//! The shapes of data, as JSON has them: numbers as `serde_json` writes them,
//! texts in blocks.

use serde::ser::{
    self, Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
};

use super::text;

type Result<T = ()> = std::result::Result<T, serde_json::Error>;

/// Writes one piece of data.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

/// Writes what a list or a record has, piece by piece.
pub(super) struct Parts<'a> {
    written: &'a mut Vec<u8>,
    is_first: bool,
    end: &'static str,
}

impl<'a> Writer<'a> {
    /// Begins a list or a record.
    fn parts(self, begin: u8, end: &'static str) -> Result<Parts<'a>> {
        self.0.push(begin);
        Ok(Parts {
            written: self.0,
            is_first: true,
            end,
        })
    }

    /// Begins a record of one field, which is named after a variant.
    fn variant(self, name: &str) -> Self {
        self.0.push(b'{');
        text::write(self.0, name);
        self.0.push(b':');
        self
    }
}

impl Parts<'_> {
    fn put_comma(&mut self) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.written.push(b',');
        }
    }

    fn put_item(&mut self, item: &(impl Serialize + ?Sized)) -> Result {
        self.put_comma();
        item.serialize(Writer(self.written))
    }

    fn put_field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result {
        self.put_comma();
        text::write(self.written, name);
        self.written.push(b':');
        value.serialize(Writer(self.written))
    }

    fn close(self) -> Result {
        self.written.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

/// What is a few bytes is left to `serde_json`.
macro_rules! few_bytes {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result {
            serde_json::to_writer(self.0, &value)
        }
    )*};
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    few_bytes! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
    }

    fn serialize_str(self, text: &str) -> Result {
        text::write(self.0, text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        let Writer(written) = self.variant(variant);
        value.serialize(Writer(written))?;
        written.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>> {
        self.parts(b'[', "]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>> {
        self.parts(b'[', "]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>> {
        self.parts(b'[', "]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>> {
        self.variant(variant).parts(b'[', "]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>> {
        self.parts(b'{', "}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>> {
        self.parts(b'{', "}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>> {
        self.variant(variant).parts(b'{', "}}")
    }
}

/// The kinds of lists and records, all of which are written alike: how a part is
/// handed over, whether it has a name, and what writes it.
macro_rules! kinds {
    ($($kind:ident: $method:ident($($name:ident)?) => $put:ident),* $(,)?) => {$(
        impl $kind for Parts<'_> {
            type Ok = ();
            type Error = serde_json::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                part: &T,
            ) -> Result {
                self.$put($($name,)? part)
            }

            fn end(self) -> Result {
                self.close()
            }
        }
    )*};
}

kinds! {
    SerializeSeq: serialize_element() => put_item,
    SerializeTuple: serialize_element() => put_item,
    SerializeTupleStruct: serialize_field() => put_item,
    SerializeTupleVariant: serialize_field() => put_item,
    SerializeStruct: serialize_field(name) => put_field,
    SerializeStructVariant: serialize_field(name) => put_field,
}

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.put_comma();
        let at = self.written.len();
        key.serialize(Writer(self.written))?;
        match self.written.get(at) {
            Some(b'"') => {}
            None | Some(b'[' | b'{' | b'n') => return Err(Error::custom("a key is no text")),
            // A number, or whether something is so.
            Some(_) => {
                self.written.insert(at, b'"');
                self.written.push(b'"');
            }
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.written.push(b':');
        value.serialize(Writer(self.written))
    }

    fn end(self) -> Result {
        self.close()
    }
}
