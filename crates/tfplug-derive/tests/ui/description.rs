use tfplug_derive::Model;

#[derive(Model)]
struct Environment {
    #[attribute(required)]
    name: String,
    ///
    #[block]
    rule: String,
}

fn main() {}
