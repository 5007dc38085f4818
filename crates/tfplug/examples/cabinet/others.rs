//! A data source, an ephemeral resource and a function.

use std::time::{Duration, SystemTime};

use tfplug::{
    Attr, Call, DataSource, Diagnostic, Diagnostics, EphemeralResource, Function, FunctionError, ListOf, Model, Opened,
    async_trait,
};

use crate::Cabinet;

/// The documents in the cabinet.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub(crate) struct Documents {
    /// Only names that begin with this.
    #[attribute(optional)]
    prefix: Attr<String>,
    /// The names, sorted.
    #[attribute(computed)]
    names: ListOf<String>,
}

pub(crate) struct Listing;

#[async_trait]
impl DataSource for Listing {
    type Client = Cabinet;
    type State = Documents;

    fn type_name(&self) -> &'static str {
        "cabinet_documents"
    }

    async fn read(&self, call: &Call<Cabinet>, config: Documents) -> Result<Documents, Diagnostics> {
        let directory = call.client()?.directory.clone().unwrap_or_default();
        let prefix = config.prefix.known().map_or("", String::as_str);
        let entries = std::fs::read_dir(&directory).map_err(|error| {
            let detail = format!("{}: {error}. Create a document first.", directory.display());
            Diagnostic::error("Unable to list the documents", detail)
        })?;
        let files = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = files
            .filter_map(|file| file.strip_suffix(".json").map(ToOwned::to_owned))
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort();
        Ok(Documents { names: Attr::Known(names.into_iter().map(Attr::Known).collect()), ..config })
    }
}

/// A lock on the cabinet, held while Terraform runs.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub(crate) struct Held {
    /// Who holds it, for those who find it.
    #[attribute(required)]
    holder: Attr<String>,
    /// What proves that the lock is held.
    #[attribute(computed, sensitive)]
    ticket: Attr<String>,
}

pub(crate) struct Lock;

/// How long a lock lasts unless it is renewed.
const LIFE: Duration = Duration::from_secs(60);

#[async_trait]
impl EphemeralResource for Lock {
    type Client = Cabinet;
    type State = Held;

    fn type_name(&self) -> &'static str {
        "cabinet_lock"
    }

    async fn open(&self, call: &Call<Cabinet>, config: Held) -> Result<Opened<Held>, Diagnostics> {
        let file = call.client()?.directory.clone().unwrap_or_default().join("lock");
        let holder = config.holder.known().cloned().unwrap_or_default();
        std::fs::write(&file, &holder)
            .map_err(|error| Diagnostic::error("Unable to lock the cabinet", format!("{}: {error}", file.display())))?;
        call.private().set("file", &file);
        let result = Held { ticket: Attr::Known(format!("ticket of {holder}")), ..config };
        Ok(Opened { result, renew_at: Some(SystemTime::now() + LIFE / 2) })
    }

    async fn renew(&self, _: &Call<Cabinet>) -> Result<Option<SystemTime>, Diagnostics> {
        Ok(Some(SystemTime::now() + LIFE / 2))
    }

    async fn close(&self, call: &Call<Cabinet>) -> Result<(), Diagnostics> {
        if let Some(file) = call.private().get::<std::path::PathBuf>("file") {
            let _already_gone = std::fs::remove_file(file);
        }
        Ok(())
    }
}

/// Makes a document's name of a title: lower-case letters, digits and dashes.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub(crate) struct SlugArguments {
    /// The title.
    #[attribute(required)]
    title: Attr<String>,
}

pub(crate) struct Slug;

impl Function for Slug {
    type Arguments = SlugArguments;
    type Output = String;

    fn name(&self) -> &'static str {
        "slug"
    }

    fn summary(&self) -> &'static str {
        "A document's name of its title"
    }

    fn call(&self, arguments: SlugArguments) -> Result<String, FunctionError> {
        let title = arguments.title.known().map_or("", String::as_str).to_lowercase();
        let words: Vec<&str> =
            title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Err(FunctionError::argument(0, "the title needs at least one letter or digit"));
        }
        Ok(words.join("-"))
    }
}
