//! `log`: what an attempt printed, now or as it goes on.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use autoproc_domain::command::Selector;
use autoproc_domain::{ItemId, Status};

use crate::console::{Console, Heard};
use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Escaper, Shown};
use crate::request::ItemWord;
use crate::view::{AttemptFile, Attempts};

/// How often a log that is followed is looked at: a person takes a fifth of a second for at once.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How much is read at a time.
const PIECE: u64 = 64 * 1024;

pub(super) async fn log(
    word: &ItemWord,
    attempt: Option<u32>,
    follow: bool,
    context: &Context,
) -> Result<(), CliError> {
    let item = item_of(word, context).await?;
    if context.json {
        return context.show(&Attempts { item, files: files(item, attempt, context)? });
    }
    match (attempt, chosen(item, attempt, context)?) {
        (_, Some(file)) => Reading::of(file).show(item, attempt, follow, context).await,
        (Some(number), None) => Err(CliError::usage(format!("nothing is kept of an attempt {number}"))),
        (None, None) => {
            context.remark("no attempt on it has been made yet, or nothing of it is kept");
            Ok(())
        }
    }
}

/// The item meant. What is no longer in the queue may have left its output under its number.
async fn item_of(word: &ItemWord, context: &Context) -> Result<ItemId, CliError> {
    if let Some(item) = word.find(&*context.storage()).await? {
        return Ok(item.id);
    }
    match word.id() {
        Some(id) if !files(id, None, context)?.is_empty() => Ok(id),
        _ => Err(word.unknown()),
    }
}

fn files(item: ItemId, attempt: Option<u32>, context: &Context) -> Result<Vec<AttemptFile>, CliError> {
    let all = context.wiring.attempt_files().of(item);
    let all =
        all.map_err(|error| CliError::io(format!("cannot read {}", Shown(&context.project.attempts_dir())), &error))?;
    Ok(all.into_iter().filter(|file| attempt.is_none_or(|number| file.attempt.get() == number)).collect())
}

fn chosen(item: ItemId, attempt: Option<u32>, context: &Context) -> Result<Option<AttemptFile>, CliError> {
    Ok(files(item, attempt, context)?.pop())
}

/// A log, shown up to some place.
struct Reading {
    file: AttemptFile,
    offset: u64,
    escaper: Escaper,
}

impl Reading {
    fn of(file: AttemptFile) -> Self {
        Self { file, offset: 0, escaper: Escaper::default() }
    }

    /// Shows what there is; where asked to follow, until its attempt is over. Whether it is over is asked before the last
    /// look, so that nothing printed in between is missed.
    async fn show(
        mut self,
        item: ItemId,
        attempt: Option<u32>,
        follow: bool,
        context: &Context,
    ) -> Result<(), CliError> {
        loop {
            let goes_on = follow && self.is_current(item, attempt, context).await?;
            let heard = self.show_new(context)?;
            if !goes_on || heard == Heard::NotToTheEnd {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the attempt may still print something.
    async fn is_current(&self, item: ItemId, attempt: Option<u32>, context: &Context) -> Result<bool, CliError> {
        let latest = chosen(item, attempt, context)?;
        let found = context.storage().find(Selector::Id(item)).await?;
        let is_processing = found.is_some_and(|item| item.status == Status::Processing);
        Ok(is_processing && latest.is_some_and(|file| file.claim == self.file.claim))
    }

    fn show_new(&mut self, context: &Context) -> Result<Heard, CliError> {
        loop {
            let piece =
                self.read().map_err(|error| CliError::io(format!("cannot read {}", Shown(&self.file.path)), &error))?;
            if piece.is_empty() {
                return Ok(Heard::All);
            }
            let is_terminal = Console::out_is_terminal();
            let shown = if is_terminal { self.escaper.escape(&piece).into_bytes() } else { piece };
            if context.console.print(|out| out.write_all(&shown))? == Heard::NotToTheEnd {
                return Ok(Heard::NotToTheEnd);
            }
        }
    }

    fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.file.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut piece = Vec::new();
        self.offset += file.take(PIECE).read_to_end(&mut piece)? as u64;
        Ok(piece)
    }
}
