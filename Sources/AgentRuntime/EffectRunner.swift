import DeviceCore
import GitWorkspace
import Logging
import MeshTransport
import Primitives
import SyncRounds
import WriterGate

/// Carries out what the device asks of git and of the writers' gate, and posts what came of it. Knows no rules.
final class EffectRunner: Sendable {
    private let device: DeviceID
    private let workspace: Workspace
    private let gate: WriterGate
    private let transport: MeshTransport
    private let streams: GitStreams
    private let watch: WorkspaceWatch
    private let reviews: Reviews
    private let settings: AgentSettings
    private let loop: DeviceLoop
    private let notes: PathNotes
    private let hub: HubRunner
    private let logger: Logger

    init(
        device: DeviceID, workspace: Workspace, gate: WriterGate, transport: MeshTransport, streams: GitStreams,
        watch: WorkspaceWatch, reviews: Reviews, settings: AgentSettings, loop: DeviceLoop, mesh: MeshID,
        notes: PathNotes, logger: Logger
    ) {
        self.settings = settings
        self.reviews = reviews
        self.device = device
        self.workspace = workspace
        self.gate = gate
        self.transport = transport
        self.streams = streams
        self.watch = watch
        self.loop = loop
        self.notes = notes
        hub = HubRunner(workspace: workspace, mesh: mesh, loop: loop, logger: logger)
        self.logger = logger
    }

    /// What would outlive the agent ends.
    func stop() { hub.stop() }

    /// On the loop's queue. What concerns the gate reaches it before this returns, in the order of the actions.
    func carryOut(_ actions: [DeviceAction]) {
        let moved = actions.compactMap { if case .headMoved(let revision) = $0 { revision } else { nil } }
        let applied = actions.compactMap { if case .apply(_, let revision) = $0 { revision } else { nil } }
        for action in actions {
            switch action {
            case .closeGate(let round, let limit): closeGate(round, limit)
            case .extendGate(let round, let limit): gate.extend(round: round, deadline: limit)
            case .openGate(let round):
                // Before the first writer goes on. After it once more, for a closing that is being noted just now.
                notes.watches.outside.opened(round)
                gate.open(round: round)
                notes.watches.outside.opened(round)
                loop.tellWriters(of: gate)
            case .capture(let round): Task { await capture(round) }
            case .fetch(let round, let revision, let peer): Task { await fetch(round, revision, peer) }
            case .merge(let round, let head, let captures, let undo):
                Task { await merge(round, head, captures, undo) }
            case .stage(let round, let revision, let peer): Task { await stage(round, revision, peer) }
            case .apply(let round, let revision):
                // Writers wait for the apply, nobody for the head's ref.
                Task {
                    await apply(round, revision)
                    if moved.contains(revision) { await headMoved(revision) }
                }
            case .endRound(let round): Task { await endRound(round) }
            case .headMoved(let revision):
                if !applied.contains(revision) { Task { await headMoved(revision) } }
            case .hub(let order): hub.carryOut(order)
            case .ground(let head, let peers): Task { await ground(onto: head, from: peers) }
            }
        }
    }

    private func ground(onto head: Revision?, from peers: [DeviceID]) async {
        do {
            if let head { try await bring(head, fromOneOf: peers) }
            loop.post(.grounded(onto: head, .done(try await workspace.ground(onto: head))))
        } catch {
            loop.post(.grounded(onto: head, .failed("\(error)")))
        }
        watch.look()
    }

    private func bring(_ head: Revision, fromOneOf peers: [DeviceID]) async throws {
        for peer in peers.dropLast() {
            do {
                return try await bring(head, from: peer, captureOf: nil)
            } catch {
                logger.info("a peer does not have it", metadata: ["peer": "\(peer.short)", "reason": "\(error)"])
            }
        }
        if let last = peers.last { try await bring(head, from: last, captureOf: nil) }
    }

    private func closeGate(_ round: RoundID, _ limit: Duration) {
        let (gate, loop, watches) = (gate, loop, notes.watches)
        Task.immediate {
            let report = await gate.close(round: round, deadline: limit)
            guard report.closedAt != nil else { return loop.post(.gateOpenedEarly(round)) }
            watches.closed(round, report)
            // It may be open again by now: who opened it knew of no closing then.
            if gate.phase.pause?.round != round { watches.outside.opened(round) }
            let named = { (names: [String]) in Array(names.prefix(Limits.writersNamed)) }
            loop.post(
                .gateClosed(
                    round, WriterReport(paused: named(report.paused), unanswered: named(report.unanswered))))
        }
    }

    private func capture(_ round: RoundID) async {
        do {
            let setAside = await notes.watches.loops.leftOutOfCapture(round)
            let result = try await workspace.capture(round: round, setAside: setAside)
            let outside = await notes.watches.captured(round)
            switch result {
            case .clean(let base, let held):
                setHindrance(nil)
                post(round, CaptureReport(base: base, revision: nil), held, outside)
            case .captured(let revision, let base, let files, let held):
                setHindrance(nil)
                let report = CaptureReport(base: base, revision: revision, changedFiles: UInt32(clamping: files))
                post(round, report, held, outside)
            case .withheld(_, let base, let reason, let held):
                setHindrance(reason)
                post(round, CaptureReport(base: base, revision: nil), held, outside)
            }
        } catch {
            loop.post(.captured(round, .failed("\(error)")))
        }
        await reviews.lookAtDeletions()
    }

    private func post(_ round: RoundID, _ report: CaptureReport, _ held: [HeldPath], _ outside: [String]) {
        watch.held(held)
        notes.captured(round, held: held)
        var report = report
        report.heldPaths = UInt32(clamping: held.count)
        report.writers.outside = Array(outside.prefix(Limits.writersNamed))
        loop.post(.captured(round, .done(report)))
    }

    private func setHindrance(_ reason: String?) {
        loop.tell { $0.waitingChanged(reason) }
    }

    private func setTrouble(_ reason: String?) {
        loop.tell { $0.troubleChanged(reason) }
    }

    private func fetch(_ round: RoundID, _ revision: Revision, _ peer: DeviceID) async {
        do {
            try await bring(revision, from: peer, captureOf: peer)
            loop.post(.fetched(round, revision, .done(true)))
        } catch {
            logger.warning("a capture could not be fetched", metadata: ["peer": "\(peer.short)", "reason": "\(error)"])
            loop.post(.fetched(round, revision, .failed("\(error)")))
        }
    }

    private func bring(_ revision: Revision, from peer: DeviceID, captureOf device: DeviceID?) async throws {
        guard peer != self.device else { return }
        let head = loop.read { $0.state.head.revision }
        try await streams.fetch(
            revision, from: peer, captureOf: device, known: [head].compactMap { $0 }, transport: transport)
    }

    private func merge(
        _ round: RoundID, _ head: Revision?, _ captures: [SyncRounds.DeviceCapture], _ undo: UndoTarget?
    ) async {
        let answered = loop.read { $0.state.brakes.filter { $0.allowedBy != nil }.map(\.id) }
        do {
            let merged = try await workspace.merge(
                head: head,
                captures: captures.map {
                    GitWorkspace.DeviceCapture(device: $0.device, revision: $0.revision, base: $0.base)
                }, round: round, policies: policies, allowed: Set(answered),
                undo: undo.map { RoundUndo(number: $0.number, revision: $0.revision) })
            if let deletions = merged.brake {
                loop.post(.merged(round, .failed("\(deletions.message); if that is meant: baton allow --deletions")))
                return await reviews.ask(deletions, ofRound: true)
            }
            let open = merged.conflicts.filter(\.isOpen)
            let report = MergeReport(
                revision: merged.revision, changedFiles: UInt32(clamping: merged.changedFiles),
                conflicts: UInt32(clamping: open.count),
                opened: Array(open.compactMap(\.shortID).prefix(Limits.openConflicts)),
                undo: merged.undo.map {
                    UndoReport(
                        number: $0.number, restoredFiles: UInt32(clamping: $0.restored),
                        leftFiles: UInt32(clamping: $0.left))
                })
            loop.post(.merged(round, .done(report)))
        } catch {
            loop.post(.merged(round, .failed("\(error)")))
        }
    }

    /// As the mesh agreed on them: the same on whichever device leads.
    private var policies: MergePolicies {
        MergePolicies(
            settings.layers.rules("merge.policies").compactMap { rule in
                MergePolicy(rawValue: rule.word).map { MergePolicies.Rule(rule.pattern, $0) }
            })
    }

    private func stage(_ round: RoundID, _ revision: Revision, _ peer: DeviceID) async {
        do {
            try await bring(revision, from: peer, captureOf: nil)
            try await workspace.stage(revision, round: round)
            setTrouble(nil)
            loop.post(.staged(round, revision, .done(true)))
        } catch {
            setTrouble("a round could not be fetched: \(error)")
            loop.post(.staged(round, revision, .failed("\(error)")))
        }
    }

    private func apply(_ round: RoundID, _ revision: Revision) async {
        do {
            var result = try await workspace.apply(revision, round: round, moveBranch: false)
            // Before the gate opens: a tool that waits at it must hear of this.
            notes.inPlace(round, result, number: loop.read { $0.state.head.number })
            if result.waiting == nil {
                loop.post(.filesInPlace(round))
                result.branchWaiting = try await workspace.followBranch(revision)
            }
            notes.applied(round, result)
            let base = await workspace.base
            let late = result.late.count + result.deferred.count
            let report = ApplyReport(
                base: base, appliedFiles: UInt32(clamping: result.applied), lateFiles: UInt32(clamping: late),
                waiting: result.waiting)
            if let waits = result.branchWaiting {
                logger.info("the branch waits", metadata: ["reason": "\(waits)"])
            }
            setTrouble(nil)
            loop.post(.applied(round, .done(report)))
            watch.settled()
        } catch {
            setTrouble("a round could not be put in place: \(error)")
            loop.post(.applied(round, .failed("\(error)")))
            watch.look()
        }
        await reviews.lookAtDeletions()
    }

    private func endRound(_ round: RoundID) async {
        await workspace.abandon(round: round)
        watch.look()
        do {
            let number = loop.read { $0.state.head.number }
            if let gone = try await workspace.retain(number: number), !gone.isEmpty { notes.released(gone) }
            guard let done = try await workspace.maintain() else { return }
            logger.info("the store was repacked", metadata: ["packs": "\(done.packsBefore) to \(done.packsAfter)"])
        } catch {
            logger.warning("the store could not be repacked", metadata: ["reason": "\(error)"])
        }
    }

    /// After a start the log tells of every head once more: only the newest is one.
    private func headMoved(_ revision: Revision) async {
        guard loop.read({ $0.state.head.revision }) == revision, await workspace.has(revision) else { return }
        do {
            try await workspace.publishedHead(revision)
        } catch {
            logger.warning("the head's ref could not be moved", metadata: ["reason": "\(error)"])
        }
        await reviews.published()
    }
}
