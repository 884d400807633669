//! Environment variables in place of flags.

use clap::{Arg, Command, Parser};

/// Parses the command line and the environment. Ends the process if they are invalid.
///
/// An empty variable counts as unset, since templates leave one where there is no value.
#[must_use]
pub fn parse<P: Parser>() -> P {
    let mut matches = without_empty_variables(P::command()).get_matches();
    P::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.format(&mut P::command()).exit())
}

fn without_empty_variables(command: Command) -> Command {
    command
        .mut_args(without_empty_variable)
        .mut_subcommands(without_empty_variables)
}

/// Returns the argument, without its variable if that is empty.
fn without_empty_variable(argument: Arg) -> Arg {
    let is_empty =
        |name| std::env::var_os(name).is_some_and(|value| value.as_encoded_bytes().trim_ascii().is_empty());
    if argument.get_env().is_some_and(is_empty) {
        argument.env(None::<&str>)
    } else {
        argument
    }
}
