import ArgumentParser
import SimulateCommand

/// The simulator alone, without the agent: it builds in a minute.
@main
struct BatonSimulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-simulate", abstract: SimulateCommand.configuration.abstract,
        discussion: SimulateCommand.configuration.discussion)

    @OptionGroup var simulate: SimulateCommand

    func validate() throws { try simulate.validate() }
    func run() throws { try simulate.run() }
}
