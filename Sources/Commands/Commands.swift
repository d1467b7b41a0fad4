import AgentRuntime
import ArgumentParser
import SimulateCommand

// Commands: the command line `baton` as a library - one file a verb, and the text that people read. Never: a rule of
// the protocol, a look into the agent's files beyond whether there is a mesh, a prompt without a terminal. Start with
// CommandLineEntry.swift (from arguments to exit code), then StatusCommand.swift and StatusText.swift.

/// The root of the command line.
struct BatonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton",
        abstract: "Keep one git workspace in step on all your devices, while writers keep working in it.",
        discussion: """
            First machine:   baton init ~/notes
            Second machine:  BATON_INVITE=... baton join ~/notes

            Exit status: 0 done, 1 failed, 3 agent not running, 4 no mesh here, 5 no leader or no quorum, 6 conflicts \
            open, 7 stopped, 8 timed out, 9 not allowed, 10 incompatible peer, 64 usage, 75 try again.
            """,
        version: "baton \(BatonVersion.text)",
        groupedSubcommands: [
            CommandGroup(
                name: "Set up",
                subcommands: [
                    InitCommand.self, InviteCommand.self, JoinCommand.self, UpCommand.self, DownCommand.self,
                    ServiceCommand.self, CompletionsCommand.self, ManCommand.self,
                ]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    StatusCommand.self, ConflictsCommand.self, LogCommand.self, DoctorCommand.self, DevicesCommand.self,
                    ConfigCommand.self, MetricsCommand.self, SchemaCommand.self,
                ]),
            CommandGroup(
                name: "Sync",
                subcommands: [
                    SyncCommand.self, HandoffCommand.self, AllowCommand.self, ApproveCommand.self, HubCommand.self,
                    PauseCommand.self, ResumeCommand.self, EmergencyStopCommand.self,
                ]),
            CommandGroup(
                name: "Bring back",
                subcommands: [UndoCommand.self, RestoreCommand.self, SnapshotCommand.self, RecoverCommand.self]),
            CommandGroup(
                name: "Write",
                subcommands: [
                    RunCommand.self, GateCommand.self, LockCommand.self, HooksCommand.self,
                ]),
            CommandGroup(
                name: "Try out",
                subcommands: [
                    DemoCommand.self, SimulateCommand.self, VersionCommand.self, TestLinkCommand.self,
                    BenchCommand.self,
                ]),
        ])
}

/// What a verb does once its arguments are understood. Returns the exit code; throws `CommandFailure`, or what the
/// agent or the set-up threw.
protocol Verb: ParsableCommand {
    func perform(_ console: Console) async throws -> Int32
}
