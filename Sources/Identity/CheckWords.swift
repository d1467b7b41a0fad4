import Primitives

/// Four words that both screens show after joining. They differ if anyone stood between.
package enum CheckWords {
    /// From both keys and the invite's secret; the same on both sides.
    package static func words(_ a: DeviceID, _ b: DeviceID, secretHash: Primitives.Digest) -> [String] {
        let keys = a < b ? a.digest.bytes + b.digest.bytes : b.digest.bytes + a.digest.bytes
        let digest = Primitives.Digest(hashing: Array("baton check words 1".utf8) + keys + secretHash.bytes)
        return digest.bytes.prefix(4).map { list[Int($0)] }
    }

    /// 256 short words that are hard to mishear for one another.
    static let list: [String] = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)

    private static let text = """
        acorn actor adobe agent album alder alley amber anchor angle ankle apple april apron arbor arena
        arrow aspen atlas attic autumn award badge bagel baker balsa bamboo banjo barley basil basket beach
        beacon beaver bell berry birch bishop bison blanket blossom bonnet border bottle boulder branch bread brick
        bridge bronze brook brush bucket butter button cabin cactus camel canal candle canoe canyon carbon cargo
        carpet carrot castle cedar cello chalk cherry chess cider circus citrus cliff clover cobalt cocoa comet
        copper coral cotton cradle crane crater cricket crown crystal cypress daisy delta desert diamond dinner doctor
        dolphin donkey dragon drum eagle easel echo elbow elder ember emerald engine fabric falcon farmer feather
        fennel ferry fiddle fig finch flame flint flute forest fossil fox frost galaxy garden garlic gazelle
        ginger glacier goblet gravel guitar hammer harbor harvest hazel helmet heron hickory honey horizon hotel hunter
        iceberg igloo indigo insect island ivory jacket jaguar jasmine jelly jigsaw jungle juniper kayak kernel kettle
        kitchen kiwi ladder lagoon lantern laurel lemon lichen lilac linen lizard lobster locket lotus lumber lynx
        magnet mango maple marble market meadow melon meteor mirror molten monkey moss muffin museum napkin nectar
        needle nickel noodle nutmeg oasis ocean olive onion opera orbit orchid otter owl oyster paddle palace
        panda paper parrot peach pebble pelican pepper piano pigeon pilot pine planet plum pocket polar pony
        potato prairie pumpkin puzzle quartz quilt rabbit radish raven ribbon river robin rocket saddle salmon sandal
        saturn scarf shadow silver spider sponge summit tiger tulip turtle umbrella velvet violin walnut window zebra
        """
}
