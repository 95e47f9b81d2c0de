//! Detects commands that run a quoted value as code.

use std::ops::Range;

use crate::{Open, Quoting};

const KEYWORDS: [&[u8]; 12] =
    [b"!", b"{", b"if", b"then", b"elif", b"else", b"while", b"until", b"do", b"time", b"command", b"exec"];

/// Programs that run another command, given in their arguments.
const WRAPPERS: [&[u8]; 11] =
    [b"env", b"sudo", b"nohup", b"nice", b"ionice", b"setsid", b"stdbuf", b"timeout", b"xargs", b"find", b"builtin"];

/// Programs that run a script, and the letter of the option before the script.
const SCRIPTED: [(&[u8], u8); 12] = [
    (b"sh", b'c'),
    (b"ash", b'c'),
    (b"bash", b'c'),
    (b"dash", b'c'),
    (b"ksh", b'c'),
    (b"zsh", b'c'),
    (b"python", b'c'),
    (b"python3", b'c'),
    (b"perl", b'e'),
    (b"ruby", b'e'),
    (b"node", b'e'),
    (b"php", b'r'),
];

const AWKS: [&[u8]; 3] = [b"awk", b"gawk", b"mawk"];

/// The operators of `[[` that evaluate both operands as arithmetic.
const COMPARISONS: [&[u8]; 6] = [b"-eq", b"-ne", b"-lt", b"-le", b"-gt", b"-ge"];

impl Quoting {
    /// Returns the name of the command or expansion that may run a value at this position as code.
    /// Returns `None` if none is known. `rest` is the text after the position.
    ///
    /// Detects `ssh`, some builtins of POSIX shells and bash, arithmetic (`$((…))` and `((…))`),
    /// and some parameter expansions. Also detects quoted scripts of shells, interpreters and awk.
    /// Does not detect other programs that run an argument as code.
    ///
    /// Treats `&>` as the end of a command, as POSIX shells do. Bash treats it as a redirection.
    #[must_use]
    pub fn executor(&self, rest: &[u8]) -> Option<String> {
        if self.is_arithmetic() {
            return Some("$((".to_owned());
        }
        if let Some(expansion) = self.evaluating_expansion() {
            return Some(expansion);
        }
        let is_bracketed = self.open.ends_with(&[Open::Parenthesis, Open::Parenthesis]);
        if is_bracketed && self.outer_commands.last().is_some_and(|outer| outer == b"(") {
            return Some("((".to_owned());
        }
        let words: Vec<_> = self.command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        let program = program_in(&words)?;
        let (name, arguments) = (basename(words[program]), &words[program + 1..]);
        let has = |option: &[u8]| arguments.contains(&option);
        let is_quoted = matches!(self.open.last(), Some(Open::Single | Open::Double));
        let executes = match name {
            b"trap" | b"eval" | b"let" | b"read" | b"unset" | b"ssh" => true,
            b"declare" | b"typeset" | b"local" => has(b"-i"),
            b"printf" | b"test" | b"[" => has(b"-v"),
            b"[[" => has(b"-v") || COMPARISONS.iter().any(|operator| has(operator) || is_followed_by(rest, operator)),
            _ if AWKS.contains(&name) => is_quoted,
            _ => is_quoted && script_in(name, arguments).is_some(),
        };
        executes.then(|| String::from_utf8_lossy(name).into_owned())
    }

    /// Returns the open parameter expansion if the shell evaluates its text as arithmetic. Examples
    /// are `${x[…]}` and `${x:…}`.
    fn evaluating_expansion(&self) -> Option<String> {
        let begin = self.command.windows(2).rposition(|window| window == b"${")?;
        let inside = &self.command[begin + 2..];
        let name_ends = inside.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
        let operator = &inside[name_ends..];
        let is_part = operator[0] == b':' && !operator.get(1).is_some_and(|byte| b"-+=?".contains(byte));
        let evaluates = !inside.contains(&b'}') && (operator[0] == b'[' || is_part);
        let name = String::from_utf8_lossy(&inside[..name_ends]);
        evaluates.then(|| format!("${{{name}{}…}}", char::from(operator[0])))
    }
}

/// Returns the index of the program in the words of a command. After a wrapper such as `sudo`, only
/// known executors count.
fn program_in(words: &[&[u8]]) -> Option<usize> {
    let first = words.iter().position(|word| !is_assignment(word) && !KEYWORDS.contains(word))?;
    if !WRAPPERS.contains(&basename(words[first])) {
        return Some(first);
    }
    let is_executor = |word: &&[u8]| {
        let name = basename(word);
        name == b"ssh" || name == b"eval" || AWKS.contains(&name) || script_letter(name).is_some()
    };
    words[first + 1..].iter().position(is_executor).map(|at| first + 1 + at)
}

fn basename(word: &[u8]) -> &[u8] {
    word.rsplit(|byte| *byte == b'/').next().unwrap_or(word)
}

fn is_assignment(word: &[u8]) -> bool {
    let name = word.iter().position(|byte| *byte == b'=').map(|at| &word[..at]);
    name.is_some_and(|name| !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'))
}

fn script_letter(name: &[u8]) -> Option<u8> {
    SCRIPTED.iter().find(|(program, _)| *program == name).map(|(_, letter)| *letter)
}

fn script_in(name: &[u8], arguments: &[&[u8]]) -> Option<usize> {
    let letter = script_letter(name)?;
    let mut index = 0;
    while let Some(option) = arguments.get(index).filter(|word| word.starts_with(b"-") || word.starts_with(b"+")) {
        if option.starts_with(b"-") && !option.starts_with(b"--") && option.contains(&letter) {
            return Some(index + 1);
        }
        // The option `-o` of a shell takes a value, even as the last letter of a group such as
        // `-euo`.
        index += if option.ends_with(b"o") && letter == b'c' { 2 } else { 1 };
    }
    None
}

fn is_followed_by(rest: &[u8], operator: &[u8]) -> bool {
    let end = rest.windows(2).position(|window| window == b"]]").unwrap_or(rest.len());
    rest[..end].split(u8::is_ascii_whitespace).any(|word| word == operator)
}

/// Returns the index of a known program that runs an argument as code, and the indexes of these
/// arguments: the script of a shell, an interpreter or awk, or all arguments of `ssh`.
#[must_use]
pub fn code_arguments(words: &[&[u8]]) -> Option<(usize, Range<usize>)> {
    let program = program_in(words)?;
    let name = basename(words[program]);
    if name == b"ssh" {
        return Some((program, program + 1..words.len()));
    }
    if !AWKS.contains(&name) {
        return script_argument(words).map(|(program, script)| (program, script..script + 1));
    }
    let script = program + 1 + awk_script_in(&words[program + 1..])?;
    (script < words.len()).then_some((program, script..script + 1))
}

/// Returns the index of the script in the arguments of awk. Returns `None` if awk reads its script
/// from a file.
fn awk_script_in(arguments: &[&[u8]]) -> Option<usize> {
    let mut index = 0;
    while let Some(option) = arguments.get(index).filter(|word| word.starts_with(b"-")) {
        index += match *option {
            b"--" | b"-e" | b"--source" => return Some(index + 1),
            _ if option.starts_with(b"--source=") => return Some(index),
            b"-F" | b"-v" | b"-i" | b"-l" | b"--field-separator" | b"--assign" | b"--include" | b"--load" => 2,
            _ if [&b"-f"[..], b"-E", b"--file"].iter().any(|file| option.starts_with(file)) => return None,
            _ => 1,
        };
    }
    Some(index)
}

/// Returns the indexes of a known shell or interpreter and of the script that it runs. Returns
/// `None` if the words do not start such a program with a script.
#[must_use]
pub fn script_argument(words: &[&[u8]]) -> Option<(usize, usize)> {
    let program = program_in(words)?;
    let at = program + 1 + script_in(basename(words[program]), &words[program + 1..])?;
    (at < words.len()).then_some((program, at))
}
