//! `#[derive(Model)]`.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataStruct, DeriveInput, Error, Fields, LitInt, LitStr};

use crate::collect;
use crate::description::description;
use crate::field::{Declared, Field, deprecated};

/// What `#[model(…)]` says.
#[derive(Default)]
struct ModelOptions {
    version: Option<LitInt>,
    deprecated: Option<LitStr>,
}

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "a model has no generic parameters: its schema is one for all its values",
        ));
    }
    let named = match &input.data {
        Data::Struct(DataStruct { fields: Fields::Named(named), .. }) => named,
        Data::Struct(_) => {
            return Err(Error::new_spanned(
                &input.ident,
                "a model has named fields: their names are those of the attributes in HCL",
            ));
        }
        Data::Enum(_) => {
            return Err(Error::new_spanned(
                &input.ident,
                "a model is a struct with named fields; for a string with a few allowed values, derive `StringEnum`",
            ));
        }
        Data::Union(_) => return Err(Error::new_spanned(&input.ident, "a model is a struct with named fields")),
    };

    let mut errors = None;
    let options = collect(&mut errors, ModelOptions::parse(&input.attrs));
    let block_description = collect(&mut errors, description(&input.attrs));
    let mut fields: Vec<Field> = Vec::with_capacity(named.named.len());
    let mut names = BTreeSet::new();
    for field in &named.named {
        let Some(field) = collect(&mut errors, Field::parse(field)) else { continue };
        if !names.insert(field.name.value()) {
            let message = format!("the name {:?} is taken by a field above", field.name.value());
            collect(&mut errors, Err::<(), _>(Error::new(field.name.span(), message)));
        }
        fields.push(field);
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    Ok(implement(input, &options.unwrap_or_default(), &block_description.unwrap_or_default(), &fields))
}

impl ModelOptions {
    fn parse(attributes: &[syn::Attribute]) -> syn::Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("model")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("version") {
                    let version: LitInt = meta.value()?.parse()?;
                    version.base10_parse::<u32>()?;
                    options.version = Some(version);
                } else if meta.path.is_ident("deprecated") {
                    options.deprecated = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("unknown key: the keys are `version` and `deprecated`"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

fn implement(input: &DeriveInput, options: &ModelOptions, description: &str, fields: &[Field]) -> TokenStream {
    let model = &input.ident;
    let version = options.version.as_ref().map_or(0, |version| version.base10_parse().unwrap_or(0_u32));
    let deprecated = deprecated(options.deprecated.as_ref());
    let schema_of = |wanted: fn(&Declared) -> bool| -> Vec<TokenStream> {
        fields.iter().filter(|field| wanted(&field.declared)).map(Field::schema).collect()
    };
    let attributes = schema_of(|declared| matches!(declared, Declared::Attribute(_)));
    let blocks = schema_of(|declared| matches!(declared, Declared::Block(_)));
    let reads = fields
        .iter()
        .map(|Field { ident, name, .. }| quote!(#ident: ::tfplug::model::take(&mut attributes, #name, path)?));
    let writes = fields.iter().map(|Field { ident, name, declared, .. }| {
        let value = match declared {
            Declared::Attribute(_) => quote!(::tfplug::model::Field::to_value(&self.#ident)),
            Declared::Block(_) => quote!(::tfplug::model::block_value(&self.#ident)),
        };
        quote!((::std::string::String::from(#name), #value))
    });
    quote! {
        #[automatically_derived]
        impl ::tfplug::model::Model for #model {
            fn schema() -> ::tfplug::schema::Schema {
                ::tfplug::schema::Schema {
                    version: ::core::convert::Into::into(#version),
                    block: <Self as ::tfplug::model::AttributeType>::block(),
                }
            }

            fn from_value(
                value: ::tfplug::value::Value,
                path: &::tfplug::path::Path,
            ) -> ::core::result::Result<Self, ::tfplug::value::CodecError> {
                <Self as ::tfplug::model::AttributeType>::decode(value, path)
            }

            fn to_value(&self) -> ::tfplug::value::Value {
                <Self as ::tfplug::model::AttributeType>::encode(self)
            }
        }

        #[automatically_derived]
        impl ::tfplug::model::AttributeType for #model {
            fn kind() -> ::tfplug::schema::AttributeKind {
                ::tfplug::schema::AttributeKind::Nested {
                    nesting: ::tfplug::schema::Nesting::Single,
                    attributes: <Self as ::tfplug::model::AttributeType>::block().attributes,
                }
            }

            #[allow(unused_mut, unused_variables)]
            fn decode(
                value: ::tfplug::value::Value,
                path: &::tfplug::path::Path,
            ) -> ::core::result::Result<Self, ::tfplug::value::CodecError> {
                let mut attributes = ::tfplug::model::object(value, path)?;
                ::core::result::Result::Ok(Self { #(#reads),* })
            }

            fn encode(&self) -> ::tfplug::value::Value {
                ::tfplug::value::Value::Object(::std::collections::BTreeMap::from([#(#writes),*]))
            }

            fn block() -> ::tfplug::schema::Block {
                ::tfplug::schema::Block {
                    description: ::std::borrow::Cow::Borrowed(#description),
                    deprecated: #deprecated,
                    attributes: ::std::vec![#(#attributes),*],
                    blocks: ::std::vec![#(#blocks),*],
                }
            }
        }
    }
}
