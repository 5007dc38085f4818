use tfplug_derive::Model;

#[derive(Model)]
#[model(revision = 1)]
struct Environment {
    /// Nothing.
    undeclared: String,
    /// Two things.
    #[attribute(required)]
    #[block]
    two: String,
    /// An unknown key.
    #[attribute(required, force_new)]
    unknown: String,
    /// The same twice.
    #[attribute(required, required)]
    twice: String,
    /// A key of attributes.
    #[block(required)]
    block: String,
    /// Never met.
    #[block(min = 3, max = 2)]
    bounds: String,
    /// No list.
    #[attribute(required, validate = one_of(["a"]))]
    no_list: String,
    /// No change.
    #[attribute(computed, change = sometimes)]
    change: String,
    /// No path expression.
    #[attribute(computed, change = depends_on(name))]
    depends: String,
    /// No remedy.
    #[attribute(required, deprecated = "")]
    deprecated: String,
    /// No name in HCL.
    #[attribute(required, name = "Name")]
    upper: String,
    /// A first.
    #[attribute(required)]
    r#type: String,
    /// Another of that name.
    #[attribute(required, name = "type")]
    kind: String,
}

fn main() {}
