use tfplug_derive::Model;

#[derive(Model)]
struct Tuple(String);

#[derive(Model)]
struct Unit;

#[derive(Model)]
struct Generic<T> {
    /// One of many types.
    #[attribute(required)]
    field: T,
}

#[derive(Model)]
enum Choice {
    One,
}

fn main() {}
