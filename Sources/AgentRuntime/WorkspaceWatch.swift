import DeviceCore
import GitWorkspace
import Logging
import Primitives
import Synchronization

/// Notices that the workspace changed, and tells the device by how much: events wake it up, a scan tells the truth.
final class WorkspaceWatch: Sendable {
    private let workspace: Workspace
    private let loop: DeviceLoop
    private let logger: Logger
    private let wakes: AsyncStream<Wake>
    private let wake: AsyncStream<Wake>.Continuation
    private let lastHeld = Mutex<[HeldPath]>([])
    private let deletionsSettled = Mutex<(@Sendable () async -> Void)?>(nil)

    private let lastLeftOut = Mutex<(count: Int, paths: [LeftOutPath])>((0, []))
    private let watching = Mutex<(watcher: WorkspaceWatcher?, filter: PathFilter)>((nil, PathFilter()))

    private struct Around: Sendable {
        var before: @Sendable () async -> [[UInt8]: String] = { [:] }
        var after: @Sendable (_ moved: [[UInt8]]) async -> Void = { _ in }
        var isOld: @Sendable (_ leftOut: [[UInt8]: String]) async -> Bool = { _ in false }
    }

    private let around = Mutex(Around())
    private let looksAgain = Mutex(false)

    private enum Wake: Sendable { case look }

    init(workspace: Workspace, loop: DeviceLoop, logger: Logger) {
        self.workspace = workspace
        self.loop = loop
        self.logger = logger
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What the newest capture or scan left out.
    var held: [HeldPath] { lastHeld.withLock { $0 } }
    func held(_ paths: [HeldPath]) { lastHeld.withLock { $0 = paths } }

    /// What filters leave out, as the newest scan saw it: how many paths in all, and the first of them.
    var leftOut: (count: Int, paths: [LeftOutPath]) { lastLeftOut.withLock { $0 } }

    /// Other paths are wanted now than before.
    func filterChanged(_ filter: PathFilter) {
        let watcher = watching.withLock { watching in
            watching.filter = filter
            return watching.watcher
        }
        watcher?.skip { filter.skips(folder: $0) }
        look()
    }

    /// A file that was deleted before this call is known to have been.
    func catchUp() { watching.withLock { $0.watcher }?.catchUp() }

    /// To be called when a scan finds that files which were asked about are back.
    func whenDeletionsSettle(_ body: @escaping @Sendable () async -> Void) { deletionsSettled.withLock { $0 = body } }

    /// - Parameters:
    ///   - before: what a look leaves as it was, and why.
    ///   - after: hears which of that was changed.
    ///   - isOld: whether by now that is not to be left out: what the look found is no answer then.
    func around(
        before: @escaping @Sendable () async -> [[UInt8]: String],
        after: @escaping @Sendable (_ moved: [[UInt8]]) async -> Void,
        isOld: @escaping @Sendable (_ leftOut: [[UInt8]: String]) async -> Bool
    ) { around.withLock { $0 = Around(before: before, after: after, isOld: isOld) } }

    /// Something may have changed.
    func look() { wake.yield(.look) }

    /// An apply ended: what it wrote is no change, but something else may have been.
    func settled() { wake.yield(.look) }

    /// Looks whenever woken, at least once a `Limits.regularScan`; ends when cancelled.
    func run() async {
        let watcher = WorkspaceWatcher(root: workspace.root, logger: logger)
        let filter = watching.withLock { watching in
            watching.watcher = watcher
            return watching.filter
        }
        watcher.skip { filter.skips(folder: $0) }
        await workspace.watch(by: watcher)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [wake] in
                for await _ in watcher.changes { wake.yield(.look) }
            }
            group.addTask { [wake] in
                while !Task.isCancelled {
                    wake.yield(.look)
                    guard (try? await Task.sleep(for: Limits.regularScan)) != nil else { return }
                }
            }
            group.addTask { [self] in await scanWhenWoken() }
            await group.waitForAll()
        }
    }

    private func scanWhenWoken() async {
        var told: Int?
        var wereHeld = await workspace.heldDeletions != nil
        for await _ in wakes {
            // Bursts become one scan; a writer that never stops is still seen twice a second.
            guard (try? await Task.sleep(for: Limits.scanPause)) != nil else { return }
            do {
                let around = around.withLock { $0 }
                let setAside = await around.before()
                let dirt = try await workspace.dirt(setAside: setAside)
                held(dirt.held)
                await around.after(dirt.moved)
                let leftOut = await workspace.leftOut(limit: Limits.leftOutShown)
                lastLeftOut.withLock { $0 = leftOut }
                let areHeld = await workspace.heldDeletions != nil
                guard await !around.isOld(setAside) else {
                    look()
                    continue
                }
                tellHindrance(dirt, areHeld: areHeld)
                // What changed while no agent ran does not wait for quiet.
                if told == nil, dirt.changed > 0 { loop.tell { $0.hurry(.startup) } }
                // An unchanged count of changed files may still be a newer change: the device hears of it.
                if dirt.changed > 0 || told != 0 {
                    loop.post(.workspaceChanged(pendingFiles: UInt32(clamping: dirt.changed)))
                }
                told = dirt.changed
                if wereHeld, !areHeld {
                    await deletionsSettled.withLock { $0 }?()
                }
                wereHeld = areHeld
            } catch {
                logger.warning("the workspace cannot be looked at", metadata: ["reason": "\(error)"])
            }
        }
    }

    /// The end of a rebase, or a checkout of another branch, need not change a file that is watched.
    private func lookAgainSoon() {
        let isArmed = looksAgain.withLock { isArmed in
            defer { isArmed = true }
            return isArmed
        }
        if isArmed { return }
        Task { [weak self] in
            try? await Task.sleep(for: Limits.busyScan)
            self?.looksAgain.withLock { $0 = false }
            self?.look()
        }
    }

    /// What keeps changes from rounds and rounds from the files, for as long as it does: a round would find it again.
    private func tellHindrance(_ dirt: Dirt, areHeld: Bool) {
        if dirt.isBusy { lookAgainSoon() }
        // Deletions that wait for a word are told of by who asks for it.
        guard !areHeld else { return }
        let told = loop.read { $0.waitsFor }
        if let reason = dirt.withheld {
            if told != reason { loop.tell { $0.waitingChanged(reason) } }
        } else if told != nil, !dirt.isBusy {
            loop.tell { $0.waitingChanged(nil) }
        }
    }
}
