//! `#[derive(StringEnum)]`.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Error, Fields, Ident, LitStr, Variant};

use crate::collect;

/// How names are made of variants.
#[derive(Clone, Copy)]
enum Style {
    Snake,
    Kebab,
    Pascal,
    ScreamingSnake,
    Lower,
}

const STYLES: [(&str, Style); 5] = [
    ("snake_case", Style::Snake),
    ("kebab-case", Style::Kebab),
    ("PascalCase", Style::Pascal),
    ("SCREAMING_SNAKE_CASE", Style::ScreamingSnake),
    ("lowercase", Style::Lower),
];

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "`StringEnum` is for enums: its variants are the allowed values"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "a string enum has no generic parameters"));
    }
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "an enum without variants allows no value at all"));
    }
    let style = style(&input.attrs)?;
    let mut errors = None;
    let mut names = BTreeSet::new();
    let mut variants = Vec::with_capacity(data.variants.len());
    for variant in &data.variants {
        let Some(name) = collect(&mut errors, variant_name(variant, style)) else { continue };
        if !names.insert(name.value()) {
            let message = format!("{:?} is the name of a variant above", name.value());
            collect(&mut errors, Err::<(), _>(Error::new(name.span(), message)));
        }
        variants.push((&variant.ident, name));
    }
    match errors {
        Some(errors) => Err(errors),
        None => Ok(implement(input, &variants)),
    }
}

fn style(attributes: &[syn::Attribute]) -> syn::Result<Style> {
    let mut style = Style::Snake;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("string_enum")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename_all") {
                return Err(meta.error("unknown key: the key of the enum is `rename_all`"));
            }
            let wanted: LitStr = meta.value()?.parse()?;
            let found = STYLES.iter().find(|(name, _)| *name == wanted.value());
            let known = STYLES.map(|(name, _)| format!("{name:?}")).join(", ");
            (_, style) = *found.ok_or_else(|| Error::new(wanted.span(), format!("`rename_all` is one of {known}")))?;
            Ok(())
        })?;
    }
    Ok(style)
}

fn variant_name(variant: &Variant, style: Style) -> syn::Result<LitStr> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new_spanned(&variant.fields, "the variants of a string enum have no fields"));
    }
    let mut name = None;
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("string_enum")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("unknown key: the key of a variant is `name`"));
            }
            name = Some(meta.value()?.parse::<LitStr>()?);
            Ok(())
        })?;
    }
    let ident = &variant.ident;
    Ok(name.unwrap_or_else(|| LitStr::new(&style.apply(&ident.unraw().to_string()), ident.span())))
}

impl Style {
    /// The name of a variant, which Rust writes in `PascalCase`.
    fn apply(self, variant: &str) -> String {
        let separated = |separator: char| {
            let mut name = String::new();
            for (position, letter) in variant.char_indices() {
                if letter.is_uppercase() && position > 0 {
                    name.push(separator);
                }
                name.extend(letter.to_lowercase());
            }
            name
        };
        match self {
            Self::Snake => separated('_'),
            Self::Kebab => separated('-'),
            Self::Pascal => variant.to_owned(),
            Self::ScreamingSnake => separated('_').to_uppercase(),
            Self::Lower => variant.to_lowercase(),
        }
    }
}

fn implement(input: &DeriveInput, variants: &[(&Ident, LitStr)]) -> TokenStream {
    let DeriveInput { ident: model, vis, .. } = input;
    let idents: Vec<_> = variants.iter().map(|(ident, _)| ident).collect();
    let names: Vec<_> = variants.iter().map(|(_, name)| name).collect();
    let allowed = names.iter().map(|name| format!("{:?}", name.value())).collect::<Vec<_>>().join(", ");
    let allowed = match names.len() {
        1 => allowed,
        _ => format!("one of {allowed}"),
    };
    quote! {
        #[automatically_derived]
        impl #model {
            /// Every variant, in the order of declaration.
            #vis const ALL: &'static [Self] = &[#(Self::#idents),*];

            /// The name in HCL.
            #vis const fn as_str(&self) -> &'static str {
                match self {
                    #(Self::#idents => #names,)*
                }
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Display for #model {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        #[automatically_derived]
        impl ::core::str::FromStr for #model {
            type Err = ::tfplug::value::CodecError;

            fn from_str(text: &str) -> ::core::result::Result<Self, Self::Err> {
                match text {
                    #(#names => ::core::result::Result::Ok(Self::#idents),)*
                    other => {
                        // What is wrong may be a whole file: its beginning says enough.
                        let found = other.chars().take(80).collect::<::std::string::String>();
                        ::core::result::Result::Err(::tfplug::value::CodecError {
                            path: ::tfplug::path::Path::root(),
                            message: ::std::format!("{} is required, not {:?}", #allowed, found),
                        })
                    }
                }
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<#model> for ::tfplug::value::Value {
            fn from(value: #model) -> Self {
                ::tfplug::value::Value::from(value.as_str())
            }
        }

        #[automatically_derived]
        impl ::tfplug::model::AttributeType for #model {
            fn kind() -> ::tfplug::schema::AttributeKind {
                ::tfplug::schema::AttributeKind::Type(::tfplug::value::Type::String)
            }

            fn decode(
                value: ::tfplug::value::Value,
                path: &::tfplug::path::Path,
            ) -> ::core::result::Result<Self, ::tfplug::value::CodecError> {
                let text = <::std::string::String as ::tfplug::model::AttributeType>::decode(value, path)?;
                text.parse().map_err(|error: ::tfplug::value::CodecError| ::tfplug::value::CodecError {
                    path: ::core::clone::Clone::clone(path),
                    ..error
                })
            }

            fn encode(&self) -> ::tfplug::value::Value {
                ::tfplug::value::Value::from(self.as_str())
            }

            fn validators() -> ::std::vec::Vec<::std::sync::Arc<dyn ::tfplug::schema::Validator>> {
                ::std::vec![::tfplug::schema::validators::one_of([#(#names),*])]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_style() {
        for (style, expected) in STYLES.map(|(_, style)| style).into_iter().zip([
            "no_schedule",
            "no-schedule",
            "NoSchedule",
            "NO_SCHEDULE",
            "noschedule",
        ]) {
            assert_eq!(style.apply("NoSchedule"), expected);
        }
    }
}
