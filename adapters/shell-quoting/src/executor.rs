//! Recognises commands that execute a value as code although the shell passes it as one word.

use crate::{Open, Quoting};

/// Words that may stand before the name of a command.
const PREFIXES: [&[u8]; 19] = [
    b"!", b"{", b"if", b"then", b"elif", b"else", b"while", b"until", b"do", b"time", b"command", b"builtin", b"exec",
    b"env", b"sudo", b"nohup", b"nice", b"setsid", b"xargs",
];

/// Shells. After an option that contains `c`, such as `-c` or `-ec`, they execute the next argument
/// as a script.
const SHELLS: [&[u8]; 6] = [b"sh", b"ash", b"bash", b"dash", b"ksh", b"zsh"];

/// Programs that execute the argument after `-c` or `-e` as a script.
const INTERPRETERS: [&[u8]; 6] = [b"python", b"python3", b"perl", b"ruby", b"node", b"php"];

/// The comparison operators for which `[[` evaluates both operands as arithmetic expressions.
const COMPARISONS: [&[u8]; 6] = [b"-eq", b"-ne", b"-lt", b"-le", b"-gt", b"-ge"];

impl Quoting {
    /// Returns the name of the command or expansion that may execute a value at this position as
    /// code; `None` if none is known. `rest` is the text after the position.
    ///
    /// Knows some builtins of POSIX shells and bash, `ssh`, and shells, interpreters and awk with a
    /// script in quotes. Other programs that execute an argument are not recognised.
    #[must_use]
    pub fn executor(&self, rest: &[u8]) -> Option<String> {
        if let Some(expansion) = self.evaluating_expansion() {
            return Some(expansion);
        }
        let is_bracketed = self.open.ends_with(&[Open::Parenthesis, Open::Parenthesis]);
        if is_bracketed && self.outer_commands.last().is_some_and(|outer| outer == b"(") {
            return Some("((".to_owned());
        }
        let mut words = self.command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let name = words.find(|word| !is_prefix(word))?;
        let name = name.rsplit(|byte| *byte == b'/').next()?;
        let has = |option: &[u8]| words.clone().any(|word| word == option);
        let is_quoted = matches!(self.open.last(), Some(Open::Single | Open::Double));
        let executes = match name {
            b"trap" | b"eval" | b"let" | b"read" | b"unset" | b"ssh" => true,
            b"declare" | b"typeset" | b"local" => has(b"-i"),
            b"printf" | b"test" | b"[" => has(b"-v"),
            b"[[" => has(b"-v") || COMPARISONS.iter().any(|operator| has(operator) || is_followed_by(rest, operator)),
            b"awk" | b"gawk" | b"mawk" => is_quoted,
            _ if SHELLS.contains(&name) => is_quoted && words.clone().any(is_script_option),
            _ if INTERPRETERS.contains(&name) => is_quoted && (has(b"-c") || has(b"-e")),
            _ => false,
        };
        executes.then(|| String::from_utf8_lossy(name).into_owned())
    }

    /// Returns the parameter expansion around the position if the shell evaluates the text at the
    /// position as an arithmetic expression: an index `${x[…]}`, or a substring `${x:…}`.
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

fn is_prefix(word: &[u8]) -> bool {
    let is_assignment = word
        .iter()
        .position(|byte| *byte == b'=')
        .is_some_and(|at| at > 0 && word[..at].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'));
    is_assignment || PREFIXES.contains(&word)
}

fn is_followed_by(rest: &[u8], operator: &[u8]) -> bool {
    let end = rest.windows(2).position(|window| window == b"]]").unwrap_or(rest.len());
    rest[..end].split(u8::is_ascii_whitespace).any(|word| word == operator)
}

fn is_script_option(word: &[u8]) -> bool {
    word.starts_with(b"-") && !word.starts_with(b"--") && word.contains(&b'c')
}

/// Returns the index of the argument that the program executes as a script; `None` if the words do
/// not start a known shell or interpreter with a script.
#[must_use]
pub fn script_argument(words: &[&[u8]]) -> Option<usize> {
    let (program, arguments) = words.split_first()?;
    let name = program.rsplit(|byte| *byte == b'/').next()?;
    let is_option = |word: &&&[u8]| word.starts_with(b"-");
    let is_next = |word: &&[u8]| {
        (SHELLS.contains(&name) && is_script_option(word))
            || (INTERPRETERS.contains(&name) && (**word == *b"-c" || **word == *b"-e"))
    };
    let at = arguments.iter().take_while(is_option).position(is_next)?;
    (at + 2 < words.len()).then_some(at + 2)
}
