import Synchronization

/// Progress of work that takes longer than a second: one live line on a terminal, a plain line a step in a pipe.
final class Progress: Sendable {
    private let console: Console
    private let state = Mutex(State())
    private let task = Mutex<Task<Void, Never>?>(nil)

    private struct State {
        /// A second went by.
        var isDue = false
        var isOver = false
        var latest: String?
        var isPainted = false
    }

    private init(_ console: Console) { self.console = console }

    /// Begins; `work` tells the steps by `show` until it is cancelled.
    static func start(_ console: Console, _ work: @escaping @Sendable (Progress) async -> Void) -> Progress {
        let progress = Progress(console)
        let task = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await work(progress) }
                group.addTask {
                    guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
                    progress.isDue()
                }
            }
        }
        progress.task.withLock { $0 = task }
        return progress
    }

    func show(_ step: String) {
        state.withLock { state in
            state.latest = step
            paint(&state)
        }
    }

    private func isDue() {
        state.withLock { state in
            state.isDue = true
            paint(&state)
        }
    }

    private func paint(_ state: inout State) {
        guard state.isDue, !state.isOver, let step = state.latest else { return }
        if console.errorIsTerminal {
            console.writeError("\r\u{1B}[K" + Escaping.shown(step) + " ...")
            state.isPainted = true
        } else {
            console.note(Escaping.shown(step))
        }
    }

    /// Takes the live line away.
    func end() async {
        let task = task.withLock { $0 }
        task?.cancel()
        state.withLock { state in
            if state.isPainted { console.writeError("\r\u{1B}[K") }
            state.isOver = true
        }
        await task?.value
    }
}
