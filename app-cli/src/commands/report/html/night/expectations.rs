//! Forecasts durations from the attempts of the reported runs.

use std::collections::BTreeMap;
use std::time::Duration;

use autoproc_domain::forecast::{FileForecast, Forecast};
use autoproc_domain::ports::PastAttempt;
use autoproc_domain::{FilePath, Recipe};

const MAX_RECIPES: usize = 8;

const MAX_EXTENSIONS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Expectations {
    recipes: Vec<OfRecipe>,
}

#[derive(Debug)]
struct OfRecipe {
    recipe: Option<Recipe>,
    forecast: Forecast,
    completed: u64,
    /// For each extension, the number of completed files and one of the files.
    extensions: BTreeMap<Box<[u8]>, (u64, FilePath)>,
}

/// The forecast for the most common kind of file.
pub(crate) struct Common<'a> {
    forecast: &'a Forecast,
    example: &'a FilePath,
}

impl Expectations {
    pub(super) fn add(&mut self, attempt: &PastAttempt, elapsed: Duration) {
        let Some(size_bytes) = attempt.size_bytes else { return };
        let Some(known) = self.of_recipe(attempt.recipe) else { return };
        let file_path = &attempt.of.file_path;
        known.forecast.record_past(file_path, size_bytes, elapsed);
        known.completed += 1;
        let extension = file_path.as_path().extension().unwrap_or_default().as_encoded_bytes().to_ascii_lowercase();
        if let Some((count, _)) = known.extensions.get_mut(&*extension) {
            *count += 1;
        } else if known.extensions.len() < MAX_EXTENSIONS {
            known.extensions.insert(extension.into(), (1, file_path.clone()));
        }
    }

    fn of_recipe(&mut self, recipe: Option<Recipe>) -> Option<&mut OfRecipe> {
        let known = self.recipes.iter().position(|known| known.recipe == recipe);
        if known.is_none() && self.recipes.len() < MAX_RECIPES {
            let (forecast, extensions) = (Forecast::default(), BTreeMap::new());
            self.recipes.push(OfRecipe { recipe, forecast, completed: 0, extensions });
            return self.recipes.last_mut();
        }
        self.recipes.get_mut(known?)
    }

    pub(crate) fn of_file(
        &self,
        recipe: Option<Recipe>,
        file_path: &FilePath,
        size_bytes: u64,
    ) -> Option<FileForecast> {
        let known = self.recipes.iter().find(|known| known.recipe == recipe)?;
        known.forecast.of_file(file_path, size_bytes).ok()
    }

    pub(crate) fn most_common(&self) -> Option<Common<'_>> {
        let most = self.recipes.iter().max_by_key(|known| known.completed)?;
        let (_, example) = most.extensions.values().max_by_key(|(count, _)| count)?;
        Some(Common { forecast: &most.forecast, example })
    }
}

impl Common<'_> {
    pub(crate) fn of_size(&self, size_bytes: u64) -> Option<FileForecast> {
        self.forecast.of_file(self.example, size_bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::item::AttemptNumber;
    use autoproc_domain::ports::AttemptRef;
    use autoproc_domain::{ItemId, RunId};

    use super::*;

    fn completed(name: &str) -> PastAttempt {
        let of = AttemptRef {
            id: ItemId::new(1),
            file_path: FilePath::new(format!("/in/{name}")).expect("a path"),
            round: 1,
            attempt: AttemptNumber::FIRST,
            claim: None,
        };
        PastAttempt {
            of,
            run: RunId::new("r"),
            started_at: None,
            end: None,
            elapsed: None,
            usage: None,
            error: None,
            size_bytes: Some(1),
            recipe: None,
            input_changed: false,
        }
    }

    #[test]
    fn extensions_are_counted_in_lower_case() {
        let mut expectations = Expectations::default();
        for name in ["a.txt", "b.PDF", "c.pdf", "d.txt", "e.Pdf"] {
            expectations.add(&completed(name), Duration::from_secs(1));
        }
        let common = expectations.most_common().expect("there are files");
        assert_eq!(common.example.as_path().to_str(), Some("/in/b.PDF"));
    }
}
