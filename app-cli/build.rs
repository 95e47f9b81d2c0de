//! How the binary is linked, so that a process starts at little cost: a `queue add` is hardly more than its start.
//!
//! *At a fixed address.* Some 13,000 pointers in tables of the program (those of traits, and the texts of the command line's
//! definition) would else be filled in by the dynamic loader, which copies fifty pages before `main`. What is given up is
//! that the program's own code lies at another address each time; that of libraries, heap and stack still does.
//!
//! *With its own copy of what unwinds the stack*, instead of `libgcc_s.so`: one library less to map, and its constructor asks
//! the processor for its features with an instruction that takes microseconds each in a virtual machine.
//!
//! Both only where they are known to work; elsewhere the linker does as it always does.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
    let is_native = env::var("HOST") == env::var("TARGET");
    if is_native && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // The C compiler takes the last word on the matter, and rustc's own stands before it.
        println!("cargo::rustc-link-arg-bin=autoproc=-no-pie");
        if let Some(folder) = unwinder() {
            println!("cargo::rustc-link-search=native={folder}");
            println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
        }
    }
}

/// The folder of the library that unwinds, where the C compiler has it: else it answers with the bare name.
fn unwinder() -> Option<String> {
    let answer = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output().ok()?;
    let path = String::from_utf8(answer.stdout).ok()?;
    let folder = Path::new(path.trim()).parent().filter(|folder| folder.is_absolute())?;
    folder.to_str().map(str::to_owned)
}
