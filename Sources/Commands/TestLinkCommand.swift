import AgentRuntime
import ArgumentParser
import ControlSocket

/// Cuts this device off another one, for tests of partitions; the agent must have been started with test switches.
struct TestLinkCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "test-link", abstract: "Cut or heal the links to a device.", shouldDisplay: false)

    enum Change: String, ExpressibleByArgument, CaseIterable, Sendable { case cut, heal }

    @Argument var change: Change
    @Argument var device: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let _: EmptyBody = try await client.call(ControlCall.link, LinkCall(device: device, cut: change == .cut))
        await client.close()
        return Exit.done
    }
}
