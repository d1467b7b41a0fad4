import ControlSocket
import Primitives
import Synchronization

/// Serves metrics where the setting `metrics.listen` says, and nowhere while it is empty.
final class MetricsListener: Sendable {
    private let agent: AgentParts
    private let state = Mutex(State())

    private struct State {
        var wanted = ""
        var server: MetricsServer?
        /// The last change; the next one waits for it.
        var change: Task<Void, Never>?
        var isStopped = false
    }

    init(agent: AgentParts) {
        self.agent = agent
        agent.settings.observe { [weak self] layers in self?.listen(at: layers.word("metrics.listen")) }
    }

    private func listen(at text: String) {
        state.withLock { state in
            guard state.wanted != text, !state.isStopped else { return }
            state.wanted = text
            let before = state.change
            state.change = Task { [self] in
                await before?.value
                await change(to: text)
            }
        }
    }

    private func change(to text: String) async {
        await end()
        guard !text.isEmpty else { return }
        do throws(ControlFailure) {
            let server = try MetricsServer(address: text, logger: agent.logger) { [agent] in await agent.metricsText() }
            let port = try await server.start()
            state.withLock { $0.server = server }
            agent.logger.notice("metrics can be scraped", metadata: ["address": "\(text)", "port": "\(port)"])
        } catch {
            agent.logger.error(
                "metrics cannot be served", metadata: ["address": "\(text)", "reason": "\(error.message)"])
        }
    }

    private func end() async {
        let server = state.withLock { state in
            defer { state.server = nil }
            return state.server
        }
        await server?.stop()
    }

    func stop() async {
        let change = state.withLock { state in
            state.isStopped = true
            return state.change
        }
        await change?.value
        await end()
    }
}
