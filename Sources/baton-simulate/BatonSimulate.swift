// baton-simulate: the simulator alone, without the agent: it builds in a minute.
// Never: a rule, a seed of its own. Start with BatonSimulate.swift, then the module SimulateCommand.

import ArgumentParser
import SimulateCommand

@main
struct BatonSimulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-simulate", abstract: SimulateCommand.configuration.abstract,
        discussion: SimulateCommand.configuration.discussion, subcommands: SimulateCommand.subcommands,
        defaultSubcommand: SimulateCommand.defaultSubcommand)
}
