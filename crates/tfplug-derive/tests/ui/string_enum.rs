use tfplug_derive::StringEnum;

#[derive(StringEnum)]
struct NoEnum;

#[derive(StringEnum)]
enum Empty {}

#[derive(StringEnum)]
#[string_enum(rename_all = "camelCase")]
enum Style {
    One,
}

#[derive(StringEnum)]
enum Variants {
    One(String),
    #[string_enum(rename = "two")]
    Two,
    Three,
    #[string_enum(name = "three")]
    Drei,
}

fn main() {}
