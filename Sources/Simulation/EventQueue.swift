/// The world's future: keys of 16 bytes in a heap with four children per node, payloads in slots that are used again.
/// Equal times come out in the order in which they went in.
struct EventQueue<Payload: Sendable>: Sendable {
    private struct Key: Sendable {
        var time: Int64
        var order: UInt32
        var slot: UInt32

        static func < (a: Key, b: Key) -> Bool { a.time == b.time ? a.order < b.order : a.time < b.time }
    }

    private var heap: [Key] = []
    private var slots: [Payload?] = []
    private var free: [UInt32] = []
    private var order: UInt32 = 0
    /// By slot: the event during which it was pushed. Kept only if asked for.
    private var causes: [UInt64] = []
    var keepsCauses = false
    /// The event under way.
    var current: UInt64 = 0
    /// The cause of what was popped last.
    private(set) var takenCause: UInt64 = 0

    var count: Int { heap.count }
    var nextTime: TrueTime? { heap.first.map { TrueTime($0.time) } }

    mutating func push(_ payload: Payload, at time: TrueTime) {
        let slot: UInt32
        if let used = free.popLast() {
            slot = used
            slots[Int(used)] = payload
        } else {
            slot = UInt32(slots.count)
            slots.append(payload)
        }
        if keepsCauses { note(slot) }
        order &+= 1
        heap.append(Key(time: time.nanoseconds, order: order, slot: slot))
        siftUp(heap.count - 1)
    }

    private mutating func note(_ slot: UInt32) {
        while causes.count <= slot { causes.append(0) }
        causes[Int(slot)] = current
    }

    mutating func pop() -> (time: TrueTime, payload: Payload)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        free.append(first.slot)
        if keepsCauses { takenCause = first.slot < causes.count ? causes[Int(first.slot)] : 0 }
        var taken: Payload?
        swap(&taken, &slots[Int(first.slot)])
        return taken.map { (TrueTime(first.time), $0) }
    }

    private mutating func siftUp(_ start: Int) {
        var at = start
        let key = heap[at]
        while at > 0 {
            let parent = (at - 1) / 4
            guard key < heap[parent] else { break }
            heap[at] = heap[parent]
            at = parent
        }
        heap[at] = key
    }

    private mutating func siftDown() {
        let key = heap[0]
        let count = heap.count
        var at = 0
        while true {
            let firstChild = at * 4 + 1
            guard firstChild < count else { break }
            var least = firstChild
            for child in (firstChild + 1)..<max(firstChild + 1, min(firstChild + 4, count))
            where heap[child] < heap[least] {
                least = child
            }
            guard heap[least] < key else { break }
            heap[at] = heap[least]
            at = least
        }
        heap[at] = key
    }
}
