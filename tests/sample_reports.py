"""Small reports of our own that the command tests load."""

KYPHOPLASTY = """Cement leakage after kyphoplasty

Case presentation
A 71-year-old woman with hypertension underwent percutaneous kyphoplasty of L1 for an osteoporotic vertebral compression
fracture. A total of 4.5 mL of polymethylmethacrylate was injected. Two weeks after the procedure she developed weakness
of both legs. CT showed epidural cement leakage at L1. Laminectomy of L1 with removal of the cement was performed. At
the last follow-up, one year after surgery, she had recovered completely.
"""
VERTEBROPLASTY = """Infection after vertebroplasty

Case presentation
A 64-year-old man underwent vertebroplasty of T12 for an osteoporotic compression fracture. Three weeks after the
procedure he developed fever, and magnetic resonance imaging showed spondylodiscitis at T12. He was treated with
antibiotics and debridement.
"""
KNEE = """Knee replacement in the elderly

A 71-year-old woman underwent total knee replacement for osteoarthritis. She walked without pain after six weeks.
"""
GERMAN = """Zementaustritt nach Kyphoplastie

Eine 71-jährige Patientin wurde wegen einer Fraktur des ersten Lendenwirbels mit einer Kyphoplastie behandelt. Nach der
Operation kam es zu einer Schwäche beider Beine, und in der Computertomographie zeigte sich Zement im Spinalkanal.
"""
