"""L_x: how much a reconstruction sounds like the stem, where its drums begin (DrummerNet, section 3)."""
