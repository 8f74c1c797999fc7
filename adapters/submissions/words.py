"""The words by which forms ask for a contact's fields, in eight languages. Only words; :mod:`labels` finds them."""


def vocabulary(words: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(words.split())


# One line per language: en, de, fr, nl, es, pt, it, pl; a line that ends with a comma goes on in the next.
PHRASES: dict[str, str] = {
    "email": """
        email, e-mail, mail, email address, e-mail address, mail address, email id, your best email, company email,
          email work, email 1, emailaddress, replyto, reply to, from email, contact email, email adress
        e-mail-adresse, mailadresse, mail adresse, geschäftliche e-mail, berufliche e-mail, e-mail geschäftlich,
          firmen e-mail, geschäftliche e-mail-adresse, emailadresse
        adresse e-mail, adresse mail, courriel, adresse courriel, mél, adresse électronique, email professionnel,
          e-mail professionnel, adresse e-mail professionnelle, adresse email pro, email pro, adresse de courriel
        e-mailadres, mailadres, emailadres, zakelijk e-mailadres, zakelijke e-mail, e-mail adres
        correo, correo electrónico, dirección de correo, dirección de correo electrónico, dirección de email,
          correo corporativo, email corporativo, correo electronico de empresa
        e-mail corporativo, correio eletrónico, correio eletrônico, endereço de e-mail, endereço de email,
          melhor e-mail, e-mail profissional, endereço eletrónico
        indirizzo e-mail, indirizzo email, posta elettronica, indirizzo mail, email aziendale,
          indirizzo di posta elettronica
        adres e-mail, adres email, adres mailowy, poczta elektroniczna, e-mail służbowy, adres poczty elektronicznej
    """,
    "phone": """
        phone, phone number, telephone, telephone number, tel, tel no, mobile, mobile number, mobile phone,
          mobile phone number, cell, cell phone, cellphone, cell number, contact number,
          contact phone, phone no, mobile no, whatsapp, whatsapp number, daytime phone, direct line,
          phone mobile, phone1, mobilephone, gsm
        telefon, telefonnummer, rufnummer, handy, handynummer, mobil, mobilnummer, mobiltelefon, mobilfunknummer,
          festnetz, telefonnr, tel nr, telefon mobil
        téléphone, numéro de téléphone, téléphone portable, téléphone mobile, portable, numéro de portable,
          téléphone fixe, n de téléphone, no de téléphone
        telefoon, telefoonnummer, mobiel, mobiel nummer, mobiele telefoon, gsm nummer, 06 nummer, mobiel telefoonnummer
        teléfono, número de teléfono, teléfono móvil, móvil, celular, número de celular, teléfono celular,
          teléfono de contacto, número de móvil, numero de contacto
        telefone, número de telefone, telemóvel, celular, telefone celular, número de telemóvel, número de celular,
          fone, contacto telefónico
        telefono, numero di telefono, cellulare, numero di cellulare, telefono cellulare, recapito telefonico
        numer telefonu, telefon komórkowy, komórka, nr telefonu, numer kontaktowy, tel kom, telefon kontaktowy
    """,
    "first_name": """
        first name, firstname, fname, first, given name, forename, christian name, name first, f name, givenname
        vorname, rufname
        prénom
        voornaam, roepnaam
        primer nombre, nombre de pila
        primeiro nome, nome próprio
        nome di battesimo
        imię
    """,
    "last_name": """
        last name, lastname, lname, last, surname, family name, name last, l name, familyname, second name, sur name
        nachname, familienname, zuname
        nom de famille
        achternaam, familienaam
        apellido, apellidos, primer apellido
        sobrenome, apelido, apelidos, último nome
        cognome
        nazwisko
    """,
    "full_name": """
        name, full name, fullname, contact name, your name, first and last name, name first last, first last name,
          customer name, client name, lead name, complete name, name and surname, first name and last name,
          first name last name, contact person, contact person name, names, name surname
        vor- und nachname, vorname und nachname, vollständiger name, vorname nachname, ansprechpartner, name vorname,
          ansprechperson, kontaktperson, vor und zuname
        nom, nom complet, nom et prénom, prénom et nom, nom prénom, prénom nom, noms et prénoms, nom du contact
        naam, volledige naam, voor- en achternaam, voornaam en achternaam, contactpersoon
        nombre, nombre completo, nombre y apellidos, nombre y apellido, nombres, nombres y apellidos
        nome, nome completo, nome e sobrenome, nome e apelido
        nome, nome e cognome, nominativo, cognome e nome, nome cognome
        imię i nazwisko, imie nazwisko, nazwisko i imię
    """,
    "salutation": """
        salutation, honorific, name prefix, mr mrs ms
        anrede
        civilité
        aanhef
        tratamiento
        tratamento
        titolo di cortesia
        zwrot grzecznościowy
    """,
    "job_title": """
        job title, jobtitle, job, job role, role, position, job position, designation, occupation, profession,
          job function, job title role
        position im unternehmen, berufsbezeichnung, beruf, funktion, jobtitel, stellenbezeichnung, rolle
        poste, fonction, intitulé du poste, intitulé de poste, profession, métier, poste occupé
        functie, functietitel, beroep
        cargo, puesto, puesto de trabajo, profesión, ocupación
        cargo na empresa, função, profissão
        ruolo, posizione, professione, ruolo aziendale, qualifica, mansione
        stanowisko, zawód, funkcja
    """,
    "company": """
        company, company name, organisation, organization, organisation name, organization name, business,
          business name, name of company, employer, company organization, company organisation, companyname, org,
          firm, name of organization, name of organisation, account name, company business name
        firma, unternehmen, firmenname, unternehmensname, name des unternehmens, organisation, arbeitgeber, firma name
        entreprise, société, nom de l'entreprise, nom de la société, raison sociale, organisme, organisation,
          nom de votre entreprise
        bedrijf, bedrijfsnaam, organisatie, naam bedrijf, naam organisatie, onderneming, werkgever
        empresa, nombre de la empresa, nombre de empresa, organización, compañía, razón social
        nome da empresa, organização, companhia, nome empresa
        azienda, nome azienda, nome dell'azienda, ragione sociale, società, organizzazione, impresa
        nazwa firmy, przedsiębiorstwo, organizacja, nazwa organizacji, firma nazwa
    """,
    "company_size": """
        company size, number of employees, employees, team size, headcount, size of company, no of employees,
          how many employees, how many employees does company have,
          how many people work at company, employee count, organization size, num employees, numemployees
        unternehmensgröße, mitarbeiterzahl, anzahl mitarbeiter, anzahl der mitarbeiter, firmengröße, mitarbeiteranzahl,
          wie viele mitarbeiter
        taille de l'entreprise, nombre d'employés, nombre de salariés, effectif, effectifs, taille entreprise
        aantal medewerkers, aantal werknemers, bedrijfsgrootte, bedrijfsomvang
        tamaño de la empresa, número de empleados, cantidad de empleados
        tamanho da empresa, número de funcionários, número de colaboradores, quantidade de funcionários
        dimensione azienda, numero di dipendenti, dimensioni dell'azienda, numero dipendenti
        wielkość firmy, liczba pracowników, ilość pracowników
    """,
    "industry": """
        industry, sector, company industry, business sector, industry sector
        branche, wirtschaftszweig, industrie
        secteur, secteur d'activité
        sector
        sector, industria, sector de actividad
        setor, ramo de atividade, setor de atividade
        settore, settore di attività
        branża
    """,
    "website": """
        website, web site, website url, company website, web, homepage, web address, website address, domain,
          company domain, site url, webpage, your website url
        webseite, internetseite, webadresse, firmenwebsite, internetadresse
        site web, site internet, site web de l'entreprise, adresse du site
        bedrijfswebsite, webadres
        sitio web, página web, web de la empresa
        página web, endereço do site, site da empresa
        sito web, sito internet, sito, sito aziendale
        strona internetowa, strona www, adres strony, strona, www
    """,
    "street": """
        street, address, street address, address line 1, address line1, address1, postal address, mailing address,
          addr line1, address street, address 1
        straße, strasse, straße und hausnummer, straße hausnummer, adresse, anschrift, straße nr, straße und nr
        rue, adresse postale, adresse complète
        straat, adres, straat en huisnummer, straatnaam
        calle, dirección, dirección postal, domicilio
        rua, endereço, morada, logradouro
        indirizzo, via e numero civico
        ulica, adres zamieszkania, ulica i numer
    """,
    "zip": """
        zip, zip code, zipcode, postal code, postcode, post code, postalcode, address zip, zip postal code, postal,
          postal zip code
        plz, postleitzahl
        code postal, cp
        postcode
        código postal, cp
        cep, código postal
        cap, codice postale, codice avviamento postale
        kod pocztowy
    """,
    "city": """
        city, town, address city, town city, city town, locality
        ort, stadt, wohnort, stadt ort
        ville, commune, localité
        stad, plaats, woonplaats, gemeente
        ciudad, localidad, población, municipio
        cidade, município, localidade
        città, comune, località
        miasto, miejscowość
    """,
    "state": """
        state, province, region, state province, state region, county, address state, state or province, territory
        bundesland, kanton, region
        région, département, province
        provincie, regio
        provincia, estado, región, comunidad autónoma
        estado, uf
        provincia, regione
        województwo, region
    """,
    "country": """
        country, country region, nation, address country, country of residence, country name
        land, staat
        pays, pays de résidence
        land
        país
        país
        paese, nazione, stato
        kraj, państwo
    """,
    "language": """
        language, preferred language, lang, locale
        sprache, bevorzugte sprache
        langue
        taal, voorkeurstaal
        idioma, lengua
        idioma, língua
        lingua
        język
    """,
    "preferred_channel": """
        preferred channel, preferred contact method, preferred way of contact, contact preference
        bevorzugter kanal, bevorzugter kontaktweg
        moyen de contact préféré
        voorkeurskanaal
        canal preferido, medio de contacto preferido
        canal preferido
        canale preferito
        preferowany kanał
    """,
    "timezone": """
        timezone, time zone
        zeitzone
        fuseau horaire
        tijdzone
        zona horaria
        fuso horário
        fuso orario
        strefa czasowa
    """,
    "birthday": """
        birthday, date of birth, birth date, birthdate, dob, day of birth
        geburtstag, geburtsdatum
        date de naissance, anniversaire
        geboortedatum, verjaardag
        fecha de nacimiento, cumpleaños
        data de nascimento, aniversário
        data di nascita, compleanno
        data urodzenia, urodziny
    """,
    "message": """
        message, comment, comments, question, questions, inquiry, enquiry, notes, note, how can we help,
          how can we help you, description, details, additional information, anything else, request, query,
          body,
          message body, additional comments, text message body, tell us more, comments questions, questions comments,
          comments or questions, project details
        nachricht, ihre nachricht, anfrage, frage, kommentar, mitteilung, bemerkung, bemerkungen, anmerkung,
          anmerkungen, anliegen, ihr anliegen, ihre anfrage, wie können wir helfen, wie können wir ihnen helfen
        message, commentaire, commentaires, demande, votre demande, question, remarque, précisions
        bericht, vraag, opmerking, opmerkingen, uw bericht, uw vraag, toelichting, hoe kunnen we helpen
        mensaje, comentario, comentarios, consulta, pregunta, observaciones, cómo podemos ayudarte
        mensagem, comentário, comentários, pergunta, dúvida, observações, como podemos ajudar
        messaggio, commento, commenti, domanda, richiesta, note, come possiamo aiutarti
        wiadomość, treść wiadomości, komentarz, pytanie, uwagi, zapytanie, treść, w czym możemy pomóc
    """,
}

# What every language says too.
COMMON = {
    "email": "email",
    "mail": "email",
    "tel": "phone",
    "whatsapp": "phone",
    "name": "full_name",
    "website": "website",
}

# Words that change nothing about what is asked for, per language: "type of cargo" must not become the Spanish "cargo".
FILL_WORDS = (
    vocabulary(
        """
        your my our the a an please enter in here required optional field input what whats which s is are
        does have you do i we us can could tell provide give to at best primary main work business personal
        professional no label for with
        """
    ),
    vocabulary(
        """
        ihr ihre ihren ihrem ihrer ihres dein deine deinen deines bitte wie lautet ist sie an geben gib ein
        eine der die das den des uns no label
        """
    ),
    vocabulary(
        """
        votre vos ton ta le la les l un une quel quelle quels est merci de saisir renseigner indiquer d du
        """
    ),
    vocabulary("uw je jouw jullie wat is vul een het de in"),
    vocabulary("tu su sus el la los cual es de del ingresa introduce escribe"),
    vocabulary("seu sua o a os qual e melhor digite informe da do de"),
    vocabulary("il la tuo tua suo sua qual e inserisci lo di"),
    vocabulary("twoj twoje twoja twojej twojego jaki jakie jest podaj prosze pan pani"),
)
# Words before the field's own name that builders and themes put there.
PREFIXES = vocabulary(
    """
    your applicant customer client respondent sender form field fields input txt tb frm fld ff et pb cf cf7
    f wpcf7 mauticform contact lead cm nf
    """
)
# JSON objects and brackets around the answers that say nothing about them: contact[email], data.fields.email.
WRAPPERS = vocabulary(
    """
    contact customer lead person user data form fields field answers answer submission submissions payload
    body form_data formdata form_fields response responses values value attributes properties profile
    applicant entry record client member subscriber visitor item_meta params query details personal info
    """
)
# Objects of which only some parts are the person's: name.first, address.city.
PARTS = {
    "name": frozenset(("salutation", "first_name", "last_name", "full_name")),
    "address": frozenset(("street", "zip", "city", "state", "country")),
}
PARTS |= {"names": PARTS["name"], "full_name": PARTS["name"], "location": PARTS["address"]}
EMAIL_WORDS = vocabulary("email mail mails emailaddress courriel correo emailadres mailadresse poczta mel")
PHONE_WORDS = vocabulary(
    """
    phone telephone tel mobile cell cellphone telefon telefonnummer handy handynummer mobilnummer rufnummer
    telefoon telefoonnummer telefono telefone celular movil telemovel cellulare komorka telefonu whatsapp
    portable gsm
    """
)
# Somebody else's address or number, or another thing that is sent to one.
NOT_THEIRS = vocabulary(
    """
    friend friends colleague colleagues manager boss supervisor referral referrer refer invite partner
    spouse parent guardian assistant reference emergency billing invoice accounting second secondary
    alternative other another freund kollege kollegin chef rechnung ami amie collegue facturation vriend
    collega factuur amigo amiga jefe facturacion amico fattura znajomy faktura
    """
)
REPEATS = vocabulary(
    """
    confirm confirmation repeat retype again verify bestatigen wiederholen confirmer confirmar
    """
)
SALUTATIONS = vocabulary(
    """
    mr mrs ms miss mx dr prof herr frau divers monsieur madame m mme dhr mevr sr sra srta pan pani
    """
)
