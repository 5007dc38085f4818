use tfplug_derive::Model;

#[derive(Model)]
struct Environment {
    /// Nobody sets it.
    #[attribute(sensitive)]
    nobody: String,
    /// The user always sets it, and the provider too.
    #[attribute(required, computed)]
    both: String,
    /// The user must and may.
    #[attribute(required, optional)]
    must_and_may: String,
    /// A default that never stands.
    #[attribute(required, default = 1)]
    required_default: i64,
    /// A default that the provider may not set.
    #[attribute(optional, default = 1)]
    optional_default: i64,
    /// Two defaults.
    #[attribute(optional, computed, default = 1, default_fn = make)]
    two_defaults: i64,
    /// A value from nowhere.
    #[attribute(optional, computed, write_only)]
    write_only: String,
    /// Change of what the user sets.
    #[attribute(optional, change = never)]
    change: String,
    /// Not null, says whom?
    #[attribute(required, not_null)]
    not_null: String,
}

fn main() {}
