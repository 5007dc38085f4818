//! One field of a model: what its `#[attribute(…)]` or `#[block(…)]` says, and whether that makes sense.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprArray, ExprCall, ExprLit, Ident, Lit, LitInt, LitStr, Path, Type};

use crate::description::description;

/// A field, checked.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// Its name in HCL.
    pub(crate) name: LitStr,
    pub(crate) ty: Type,
    description: String,
    pub(crate) declared: Declared,
}

pub(crate) enum Declared {
    Attribute(Box<AttributeOptions>),
    Block(BlockOptions),
}

/// What both kinds of fields may say.
#[derive(Default)]
struct CommonOptions {
    name: Option<LitStr>,
    deprecated: Option<LitStr>,
    requires_replace: bool,
    validate: Vec<Expr>,
    modify: Vec<Expr>,
}

#[derive(Default)]
pub(crate) struct AttributeOptions {
    common: CommonOptions,
    required: Option<Path>,
    optional: Option<Path>,
    computed: Option<Path>,
    sensitive: bool,
    write_only: Option<Path>,
    not_null: Option<Path>,
    change: Option<(Path, Change)>,
    default: Option<(Path, Default)>,
}

#[derive(Default)]
pub(crate) struct BlockOptions {
    common: CommonOptions,
    min: Option<LitInt>,
    max: Option<LitInt>,
}

enum Change {
    Any,
    Never,
    DependsOn(Vec<LitStr>),
}

enum Default {
    Value(Box<Expr>),
    Function(Path),
}

const ATTRIBUTE_KEYS: &str = "`required`, `optional`, `computed`, `name`, `sensitive`, `write_only`, `deprecated`, \
    `default`, `default_fn`, `change`, `not_null`, `requires_replace`, `validate` and `modify`";
const BLOCK_KEYS: &str = "`min`, `max`, `name`, `deprecated`, `requires_replace`, `validate` and `modify`";

impl Field {
    pub(crate) fn parse(field: &syn::Field) -> syn::Result<Self> {
        let Some(ident) = field.ident.clone() else {
            return Err(Error::new_spanned(field, "the fields of a model have names"));
        };
        let mut declarations =
            field.attrs.iter().filter(|item| item.path().is_ident("attribute") || item.path().is_ident("block"));
        let Some(item) = declarations.next() else {
            return Err(Error::new_spanned(
                &ident,
                format!("say what `{ident}` is in the schema: `#[attribute(…)]` or `#[block(…)]`"),
            ));
        };
        if let Some(second) = declarations.next() {
            return Err(Error::new_spanned(second, "a field has one `#[attribute(…)]` or one `#[block(…)]`"));
        }
        let is_block = item.path().is_ident("block");
        let declared = if is_block {
            Declared::Block(BlockOptions::parse(item)?)
        } else {
            let options = AttributeOptions::parse(item)?;
            options.check(&ident)?;
            Declared::Attribute(Box::new(options))
        };
        let description = description(&field.attrs)?;
        if description.is_empty() {
            let what = if is_block { "block" } else { "attribute" };
            return Err(Error::new_spanned(
                &ident,
                format!("every {what} has a description that a user can act on: add a doc comment to `{ident}`"),
            ));
        }
        let name = match declared.common().name.clone() {
            Some(name) => name,
            None => LitStr::new(&ident.unraw().to_string(), ident.span()),
        };
        check_name(&name)?;
        Ok(Self { ident, name, ty: field.ty.clone(), description, declared })
    }

    /// The expression that makes this field's `Attribute` or `NestedBlock`.
    pub(crate) fn schema(&self) -> TokenStream {
        match &self.declared {
            Declared::Attribute(options) => self.attribute(options),
            Declared::Block(options) => self.block(options),
        }
    }

    /// The type that the field holds when it is known.
    fn of(&self) -> TokenStream {
        let ty = &self.ty;
        quote_spanned!(ty.span() => <#ty as ::tfplug::model::Field>::Of)
    }

    fn attribute(&self, options: &AttributeOptions) -> TokenStream {
        let Self { name, description, .. } = self;
        let of = self.of();
        let presence = options.presence();
        let sensitive = options.sensitive;
        let write_only = options.write_only.is_some();
        let not_null = options.not_null.is_some();
        let deprecated = deprecated(options.common.deprecated.as_ref());
        let default = match &options.default {
            None => quote!(::core::option::Option::None),
            Some((_, Default::Value(value))) => quote_spanned!(value.span() => ::core::option::Option::Some(
                ::tfplug::schema::DefaultValue::Value(::tfplug::value::Value::from(#value))
            )),
            Some((_, Default::Function(function))) => quote_spanned!(function.span() => ::core::option::Option::Some(
                ::tfplug::schema::DefaultValue::Function(#function)
            )),
        };
        let change = match &options.change {
            None | Some((_, Change::Any)) => quote!(::tfplug::schema::Change::Any),
            Some((_, Change::Never)) => quote!(::tfplug::schema::Change::Never),
            Some((_, Change::DependsOn(expressions))) => quote!(::tfplug::schema::Change::DependsOn(
                ::std::vec![#(::tfplug::schema::PathExpression::of(#expressions)),*]
            )),
        };
        let validators = options.common.validators(&of);
        let modifiers = options.common.modifiers();
        quote! {
            ::tfplug::schema::Attribute {
                name: ::std::borrow::Cow::Borrowed(#name),
                kind: <#of as ::tfplug::model::AttributeType>::kind(),
                presence: #presence,
                description: ::std::borrow::Cow::Borrowed(#description),
                sensitive: #sensitive,
                write_only: #write_only,
                deprecated: #deprecated,
                default: #default,
                change: #change,
                not_null: #not_null,
                validators: #validators,
                modifiers: #modifiers,
                same_meaning: <#of as ::tfplug::model::AttributeType>::same_meaning(),
            }
        }
    }

    fn block(&self, options: &BlockOptions) -> TokenStream {
        let Self { name, description, .. } = self;
        let of = self.of();
        let bound = |bound: &Option<LitInt>| bound.as_ref().map_or(quote!(0), ToTokens::to_token_stream);
        let (min, max) = (bound(&options.min), bound(&options.max));
        let deprecated = options.common.deprecated.as_ref().map(|text| {
            let deprecated = deprecated(Some(text));
            quote!(nested.block.deprecated = #deprecated;)
        });
        let validators = options.common.validators(&of);
        let modifiers = options.common.modifiers();
        quote! {{
            let mut nested = ::tfplug::model::nested_block::<#of>(#name, #min, #max);
            nested.block.description = ::std::borrow::Cow::Borrowed(#description);
            #deprecated
            nested.validators = #validators;
            nested.modifiers = #modifiers;
            nested
        }}
    }
}

impl Declared {
    fn common(&self) -> &CommonOptions {
        match self {
            Self::Attribute(options) => &options.common,
            Self::Block(options) => &options.common,
        }
    }
}

impl CommonOptions {
    /// Takes a key that both kinds of fields have; `false` for others.
    fn take(&mut self, key: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
        match key {
            "name" => self.name = Some(meta.value()?.parse()?),
            "deprecated" => self.deprecated = Some(text(meta)?),
            "requires_replace" => self.requires_replace = true,
            "validate" => self.validate = list(meta)?,
            "modify" => self.modify = list(meta)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn validators(&self, of: &TokenStream) -> TokenStream {
        let own = quote!(<#of as ::tfplug::model::AttributeType>::validators());
        if self.validate.is_empty() {
            return own;
        }
        let pushes = self.validate.iter().map(|item| quote_spanned!(item.span() => all.push(#item);));
        quote! {{
            #[allow(unused_imports)]
            use ::tfplug::schema::{modifiers::*, validators::*};
            let mut all: ::std::vec::Vec<::std::sync::Arc<dyn ::tfplug::schema::Validator>> = #own;
            #(#pushes)*
            all
        }}
    }

    fn modifiers(&self) -> TokenStream {
        let shorthand = self.requires_replace.then(|| quote!(::tfplug::schema::modifiers::requires_replace()));
        let listed = self.modify.iter().map(|item| quote_spanned!(item.span() => #item));
        let all = shorthand.into_iter().chain(listed);
        if self.modify.is_empty() {
            return quote!(::std::vec![#(#all),*]);
        }
        quote! {{
            #[allow(unused_imports)]
            use ::tfplug::schema::{modifiers::*, validators::*};
            let mut all: ::std::vec::Vec<::std::sync::Arc<dyn ::tfplug::schema::PlanModifier>> = ::std::vec::Vec::new();
            #(all.push(#all);)*
            all
        }}
    }
}

impl AttributeOptions {
    fn parse(item: &syn::Attribute) -> syn::Result<Self> {
        let mut options = Self::default();
        parse_keys(item, ATTRIBUTE_KEYS, |key, meta| {
            let path = || Some(meta.path.clone());
            match key {
                "required" => options.required = path(),
                "optional" => options.optional = path(),
                "computed" => options.computed = path(),
                "sensitive" => options.sensitive = true,
                "write_only" => options.write_only = path(),
                "not_null" => options.not_null = path(),
                "change" => options.change = Some((meta.path.clone(), Change::parse(meta)?)),
                "default" => {
                    let value = Default::Value(Box::new(meta.value()?.parse()?));
                    options.set_default(meta, value)?;
                }
                "default_fn" => {
                    let function = Default::Function(meta.value()?.parse()?);
                    options.set_default(meta, function)?;
                }
                _ => return options.common.take(key, meta),
            }
            Ok(true)
        })?;
        Ok(options)
    }

    fn set_default(&mut self, meta: &ParseNestedMeta<'_>, default: Default) -> syn::Result<()> {
        if self.default.is_some() {
            return Err(meta.error("an attribute has one default: `default` or `default_fn`"));
        }
        self.default = Some((meta.path.clone(), default));
        Ok(())
    }

    /// Refuses what core would refuse when it loads the schema, and what could never have an effect.
    fn check(&self, ident: &Ident) -> syn::Result<()> {
        let fail = |at: &Path, message: &str| Err(Error::new_spanned(at, message));
        match (&self.required, &self.optional, &self.computed) {
            (None, None, None) => {
                return Err(Error::new_spanned(
                    ident,
                    format!("say who sets `{ident}`: `required`, `optional`, `computed`, or `optional, computed`"),
                ));
            }
            (Some(_), None, Some(computed)) => {
                return fail(
                    computed,
                    "an attribute that is `required` is never `computed`: the user always sets it; for one that the \
                     provider sets where the user does not, write `optional, computed`",
                );
            }
            (Some(_), Some(optional), _) => {
                return fail(optional, "an attribute is `required` or `optional`, not both");
            }
            (Some(_), None, None) | (None, Some(_), _) | (None, None, Some(_)) => {}
        }
        if let (Some(write_only), Some(_)) = (&self.write_only, &self.computed) {
            return fail(
                write_only,
                "a `write_only` attribute is never `computed`: it is in no plan and no state, so the provider has \
                 nowhere to set it",
            );
        }
        if let Some((default, _)) = &self.default {
            if self.required.is_some() {
                return fail(default, "a `required` attribute has no default: the user always sets it");
            }
            if self.optional.is_none() || self.computed.is_none() {
                return fail(
                    default,
                    "a default needs `optional, computed`: Terraform lets the user set optional attributes and the \
                     provider computed ones, and a default is set by either",
                );
            }
        }
        if self.computed.is_none() {
            if let Some((change, _)) = &self.change {
                return fail(change, "`change` says when the provider's value changes: it needs `computed`");
            }
            if let Some(not_null) = &self.not_null {
                return fail(not_null, "`not_null` says that the provider always gives a value: it needs `computed`");
            }
        }
        Ok(())
    }

    fn presence(&self) -> TokenStream {
        let presence = match (&self.required, &self.optional, &self.computed) {
            (Some(_), _, _) => quote!(Required),
            (None, Some(_), Some(_)) => quote!(OptionalComputed),
            (None, Some(_), None) => quote!(Optional),
            (None, None, _) => quote!(Computed),
        };
        quote!(::tfplug::schema::Presence::#presence)
    }
}

impl BlockOptions {
    fn parse(item: &syn::Attribute) -> syn::Result<Self> {
        let mut options = Self::default();
        // `#[block]` alone is a block that may appear or not.
        if matches!(item.meta, syn::Meta::Path(_)) {
            return Ok(options);
        }
        parse_keys(item, BLOCK_KEYS, |key, meta| {
            match key {
                "min" => options.min = Some(meta.value()?.parse()?),
                "max" => options.max = Some(meta.value()?.parse()?),
                _ => return options.common.take(key, meta),
            }
            Ok(true)
        })?;
        let number = |bound: &Option<LitInt>| bound.as_ref().map(LitInt::base10_parse::<u32>).transpose();
        if let (Some(min), Some(max)) = (number(&options.min)?, number(&options.max)?)
            && min > max
        {
            return Err(Error::new_spanned(&options.min, format!("at least {min} and at most {max} is never met")));
        }
        Ok(options)
    }
}

impl Change {
    fn parse(meta: &ParseNestedMeta<'_>) -> syn::Result<Self> {
        const FORMS: &str = "`change` is `any`, `never` or `depends_on(\"path\", …)`";
        let value: Expr = meta.value()?.parse()?;
        match &value {
            Expr::Path(path) if path.path.is_ident("any") => Ok(Self::Any),
            Expr::Path(path) if path.path.is_ident("never") => Ok(Self::Never),
            Expr::Call(ExprCall { func, args, .. }) => {
                let is_depends_on = matches!(&**func, Expr::Path(path) if path.path.is_ident("depends_on"));
                if !is_depends_on || args.is_empty() {
                    return Err(Error::new_spanned(&value, FORMS));
                }
                let expressions = args.iter().map(|argument| match argument {
                    Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
                    other => Err(Error::new_spanned(other, "a path expression is a string, such as \"network.zones\"")),
                });
                Ok(Self::DependsOn(expressions.collect::<syn::Result<_>>()?))
            }
            _ => Err(Error::new_spanned(&value, FORMS)),
        }
    }
}

/// Gives every key of `#[…(key, key = value)]` to `take` and refuses those that it does not know, or that come twice.
fn parse_keys(
    item: &syn::Attribute,
    known: &str,
    mut take: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<bool>,
) -> syn::Result<()> {
    if matches!(item.meta, syn::Meta::Path(_)) {
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    item.parse_nested_meta(|meta| {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if !seen.insert(key.clone()) {
            return Err(meta.error(format!("`{key}` is given twice")));
        }
        if take(&key, &meta)? { Ok(()) } else { Err(meta.error(format!("unknown key: the keys are {known}"))) }
    })
}

fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let text: LitStr = meta.value()?.parse()?;
    if text.value().trim().is_empty() {
        return Err(Error::new_spanned(text, "say why not to use it any more, and what instead"));
    }
    Ok(text)
}

fn list(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<Expr>> {
    let value: Expr = meta.value()?.parse()?;
    match value {
        Expr::Array(ExprArray { elems, .. }) => Ok(elems.into_iter().collect()),
        other => Err(Error::new_spanned(other, "write a list, such as `[string_length(1..=100)]`")),
    }
}

pub(crate) fn deprecated(text: Option<&LitStr>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(::std::borrow::Cow::Borrowed(#text))),
        None => quote!(::core::option::Option::None),
    }
}

/// Core's own rule for names of attributes and blocks.
fn check_name(name: &LitStr) -> syn::Result<()> {
    let text = name.value();
    let valid = !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if valid {
        return Ok(());
    }
    Err(Error::new(
        name.span(),
        format!("{text:?} is no name in HCL: use lower-case letters, digits and `_`, and begin with no digit"),
    ))
}
