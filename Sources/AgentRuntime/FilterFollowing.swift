import GitWorkspace
import Logging
import Primitives

extension PathFilter {
    /// As the settings have it.
    init(_ settings: SettingLayers) {
        self.init(
            exclude: settings.patterns("filter.exclude"), include: settings.patterns("filter.include"),
            keepHere: settings.patterns("filter.keep-here"), maxBytes: settings.size("filter.max-size"),
            types: settings.patterns("filter.types"))
    }
}

/// Brings the filters, the limits of names and the retention of the settings to the workspace, the newest ones only.
struct FilterFollowing: Sendable {
    let settings: AgentSettings
    let workspace: Workspace
    let watch: WorkspaceWatch
    let loop: DeviceLoop
    let logger: Logger

    /// Before the first round.
    func begin() async { await follow(PathFilter(settings.layers)) }

    /// Until it is cancelled.
    func run() async {
        let (changes, sink) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        settings.observe { _ in sink.yield() }
        for await _ in changes { await follow(PathFilter(settings.layers)) }
    }

    /// Tells the mesh once what this device's disk cannot hold, so that the others hold such names back.
    func tellNameLimits() async {
        let own = workspace.ownNameLimits.words
        while !Task.isCancelled {
            let known = settings.layers.patterns("names.limits")
            let all = SettingCatalogue.nameLimits.filter { known.contains($0) || own.contains($0) }
            if all.count == known.count { return }
            let reply = await loop.ask(.set(Setting(key: "names.limits", value: all.joined(separator: " "))))
            if case .refused(let refusal) = reply {
                logger.warning("the limits of this disk's names are not told", metadata: ["reason": "\(refusal)"])
                return
            }
            // No quorum yet, or what was set is on its way to here.
            guard (try? await Task.sleep(for: .seconds(10))) != nil else { return }
        }
    }

    private func follow(_ filter: PathFilter) async {
        let layers = settings.layers
        await workspace.setNameLimits(NameLimits(words: layers.patterns("names.limits")))
        workspace.setRetention(
            RetentionPolicy(days: layers.number("retention.days"), bytes: layers.size("retention.size")))
        do throws(WorkspaceError) {
            let isOther = await workspace.filter != filter
            if try await workspace.setFilter(filter) {
                let base = await workspace.base
                loop.tell { $0.restoreBase(base) }
            }
            if isOther { watch.filterChanged(filter) }
        } catch {
            logger.error("the filters could not be changed", metadata: ["reason": "\(error)"])
        }
    }
}
