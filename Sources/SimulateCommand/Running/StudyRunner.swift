import Dispatch
import Simulation
import Synchronization

/// Runs the seeds of all studies, several at a time: each run is independent, so results do not depend on the order.
struct StudyRunner: Sendable {
    let studies: [Study]
    let jobs: Int
    /// All seeds, also after one has failed.
    var keepsGoing = false
    /// No run begins later than this after the start, in milliseconds.
    var timeLimit: Int64?
    let run: @Sendable (Scenario) -> RunReport
    let progress: Progress

    private struct State: Sendable {
        var study = 0
        var offset: UInt64 = 0
        /// By study: reports that came before those of smaller seeds.
        var waiting: [[(offset: UInt64, report: RunReport)]]
        var next: [UInt64]
        var results: [StudyResult]
        var isStopped: [Bool]
        var done = 0
        var told = 0
    }

    func results() -> [StudyResult] {
        let watch = Stopwatch()
        let state = Mutex(
            State(
                waiting: studies.map { _ in [] }, next: studies.map { _ in 0 }, results: studies.map(StudyResult.init),
                isStopped: studies.map { _ in false }))
        let total = studies.reduce(0) { $0 + Int($1.seeds.upperBound - $1.seeds.lowerBound) + 1 }
        DispatchQueue.concurrentPerform(iterations: max(1, min(jobs, total))) { _ in
            while let (number, offset) = state.withLock({ take(&$0, watch) }) {
                let study = studies[number]
                let report = run(study.scenario(study.seeds.lowerBound + offset))
                let (done, finished) = state.withLock { finish(&$0, number, offset, report) }
                progress.step(done, of: total, watch.read().wall, limit: timeLimit)
                for result in finished { progress.finished(result) }
            }
        }
        progress.clear()
        return state.withLock { $0.results }
    }

    private func take(_ state: inout State, _ watch: Stopwatch) -> (Int, UInt64)? {
        if let timeLimit, watch.read().wall >= timeLimit { return nil }
        while state.study < studies.count {
            let seeds = studies[state.study].seeds
            if !state.isStopped[state.study], state.offset <= seeds.upperBound - seeds.lowerBound {
                state.offset += 1
                return (state.study, state.offset - 1)
            }
            state.study += 1
            state.offset = 0
        }
        return nil
    }

    /// Reports are added in the order of their seeds, so that the result is the same whoever was first.
    private func finish(
        _ state: inout State, _ number: Int, _ offset: UInt64, _ report: RunReport
    ) -> (done: Int, finished: [StudyResult]) {
        state.done += 1
        state.waiting[number].append((offset, report))
        while let at = state.waiting[number].firstIndex(where: { $0.offset == state.next[number] }) {
            let taken = state.waiting[number].remove(at: at)
            state.next[number] += 1
            guard !state.isStopped[number] else { continue }
            state.results[number].add(taken.report)
            if !keepsGoing, !state.results[number].failures.isEmpty { state.isStopped[number] = true }
        }
        var finished: [StudyResult] = []
        while state.told < studies.count {
            let seeds = studies[state.told].seeds
            let isComplete = state.next[state.told] > seeds.upperBound - seeds.lowerBound
            guard isComplete || state.isStopped[state.told] else { break }
            finished.append(state.results[state.told])
            state.told += 1
        }
        return (state.done, finished)
    }
}
